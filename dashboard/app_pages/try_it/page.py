"""Try it: what the pre-trained, the fine-tuned and the merged model see in one picture."""

from functools import partial

import streamlit as st

from dashboard.app_pages.try_it.answers import every_model, verdicts
from dashboard.app_pages.try_it.charts import answers_chart, answers_frame, classes_shown
from dashboard.app_pages.try_it.models import ask
from dashboard.app_pages.try_it.picture_choice import choose_picture, choose_task
from dashboard.library.task_labels import task_labels
from dashboard.runs.picker import choose_run
from dashboard.state import run_folder
from dashboard.text import letters, reason
from dashboard.ui.chart import cached_chart, show_chart
from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.library.library import open_library

view = choose_run(
    "try_it",
    lambda run: run.status == "done" and (run.path / layout.MERGED).is_file(),
    "As soon as a merge has finished, you can show its models a picture here.",
)
run = run_folder(view.run)
tasks = list(view.tasks)
task_names = task_labels(view.config).names

left, right = st.columns([5, 8], gap="medium")
try:
    with left:
        library = open_library(view.config.library)
        task = library.task(choose_task(tasks, task_names))
        picture = choose_picture(library, task)
    with right:
        if picture is None:
            st.info("Choose or draw a picture, and the models answer here.", icon=":material/image:")
            st.stop()

        # The picture and three models' answers.
        answers, loading, answering = ask(run, ("pre-trained", task.id, "merged"), task.id, picture.blob)
        names = {**task_names, "pre-trained": "Pre-trained", "merged": f"Merged, {len(tasks)} tasks"}
        titles = {**names, task.id: f"Fine-tuned on {task.name}"}
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(picture.blob, width=112, alt=picture.name)
            truth = f" · **{letters(task.classes[picture.truth])}**" if picture.truth is not None else ""
            st.markdown(f"{letters(picture.name)}{truth}", width="content")
        verdicts(answers, titles, task, picture.truth)
        answers_by_title = {titles[model]: values for model, values in answers.items()}
        show_chart(
            cached_chart(answers_chart, answers_by_title, task.classes, picture.truth),
            partial(answers_frame, answers_by_title, task.classes, picture.truth),
            title="Probabilities",
            measured=classes_shown(len(task.classes)),
            key="answers",
            name=f"{view.run}-{task.id}-answers",
        )

        # What they cost, and all other models.
        tuned = "; the merged model's head is the one tuned on labels" if view.config.heads != "none" else ""
        models = "Models were in memory" if loading < 0.01 else f"Models loaded in {loading:.2f} s"
        st.caption(f"{models}, answered in {1000 * answering:.0f} ms. Zero-shot heads{tuned}.")
        every_model(run, tasks, answers, names, task, picture)
except InputError as error:
    st.error(reason(error), title="The models cannot answer")
