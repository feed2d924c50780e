"""Try it: what the pre-trained, the fine-tuned and the merged model see in one picture, or answer to one text."""

from functools import partial

import streamlit as st

from dashboard.app_pages.try_it.answers import every_model, verdicts
from dashboard.app_pages.try_it.charts import answers_chart, answers_frame, classes_shown
from dashboard.app_pages.try_it.cost_line import cost_line
from dashboard.app_pages.try_it.example import show_picture, show_text
from dashboard.app_pages.try_it.models import ask
from dashboard.app_pages.try_it.picture_choice import Picture, choose_picture
from dashboard.app_pages.try_it.task_choice import choose_task
from dashboard.app_pages.try_it.text_choice import choose_text
from dashboard.library.labels import library_labels
from dashboard.runs.picker import choose_run
from dashboard.state import run_folder
from dashboard.text import reason
from dashboard.ui.chart import cached_chart, show_chart
from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.library.library import open_library

view = choose_run(
    "try_it",
    lambda run: run.status == "done" and (run.path / layout.MERGED).is_file(),
    "As soon as a merge has finished, you can show its models a picture or a text here.",
)
run = run_folder(view.run)
tasks = list(view.tasks)
task_names = library_labels(view.config).names

left, right = st.columns([5, 8], gap="medium")
try:
    with left:
        library = open_library(view.config.library)
        noun = "answers" if library.of_texts else "classes"
        task = library.task(choose_task(tasks, task_names, noun))
        chosen = choose_text(library, task) if library.of_texts else choose_picture(library, task)
    with right:
        if chosen is None:
            ask_for = "Choose a test text or type one" if library.of_texts else "Choose or draw a picture"
            icon = ":material/notes:" if library.of_texts else ":material/image:"
            st.info(f"{ask_for}, and the models answer here.", icon=icon)
            st.stop()

        # The picture or the text, and three models' answers.
        example = chosen.blob if isinstance(chosen, Picture) else chosen.prompt
        answers, loading, answering = ask(run, ("pre-trained", task.id, "merged"), task.id, example)
        names = {**task_names, "pre-trained": "Pre-trained", "merged": f"Merged, {len(tasks)} tasks"}
        titles = {**names, task.id: f"Fine-tuned on {task.name}"}
        if isinstance(chosen, Picture):
            show_picture(chosen, task)
        else:
            show_text(chosen, library)
        verdicts(answers, titles, task, chosen.truth)
        answers_by_title = {titles[model]: values for model, values in answers.items()}
        show_chart(
            cached_chart(answers_chart, answers_by_title, task.classes, chosen.truth),
            partial(answers_frame, answers_by_title, task.classes, chosen.truth),
            title="Probabilities",
            measured=classes_shown(len(task.classes), noun),
            key="answers",
            name=f"{view.run}-{task.id}-answers",
        )

        # What they cost, and all other models.
        cost_line(view.config, library, loading, answering)
        every_model(run, tasks, answers, names, task, example, chosen.truth)
except InputError as error:
    st.error(reason(error), title="The models cannot answer")
