"""Features: the same test examples as seen before a step, by the incoming expert and by the merged model."""

import streamlit as st

from dashboard.app_pages.features.charts.feature_map import points
from dashboard.app_pages.features.controls import controls
from dashboard.app_pages.features.distances import distance_chart, distance_metrics
from dashboard.app_pages.features.map_section import map_section
from dashboard.app_pages.features.motion import feature_motion
from dashboard.app_pages.features.plan_section import plan_section
from dashboard.app_pages.features.reading import projection_of, prompts, thumbnails
from dashboard.app_pages.features.selection import selected_examples
from dashboard.app_pages.features.taking import features_ready
from dashboard.charts.colours import INK
from dashboard.library.labels import library_labels
from dashboard.runs.picker import choose_run
from dashboard.runs.stamp import noun_of
from dashboard.text import reason
from dashboard.ui.deferred import defer
from dashboard.ui.theme import theme
from otmf_core.analysis.features import models_at, read_features
from otmf_core.errors import InputError
from otmf_core.library.library import open_library

ANSWERS = {  # whose answers are seen
    "head": "They are the zero-shot head's.",
    "likelihood": "They are the likeliest ones.",
    "generation": "They are what is generated.",
}

view = choose_run(
    "features",
    lambda run: run.status == "done",
    "Features of a run's models can be looked at here as soon as a merge is done.",
)
tasks, labels = list(view.tasks), library_labels(view.config)
noun = noun_of(view)
names = [labels.names[task] for task in tasks]
try:
    path, facts = features_ready(view, noun)
    task, step, method, by, lines = controls(tasks, dict(labels.names), noun)
    info = open_library(view.config.library).task(task)
    features = read_features(path, task)
    layout = projection_of(path, tasks, task, method)
    rows = tuple(features.rows.tolist())
    pictures = thumbnails(view.config.library, task, rows) if noun == "images" else []
    asked = prompts(view.config.library, task, rows) if noun == "texts" else []
except InputError as error:
    st.error(reason(error), title="Features of this run cannot be shown")
    st.stop()

# The three models of the step, and the examples that the reader has selected.
own = tasks.index(task) + 1  # the step at which the task was merged
models = models_at(step, len(tasks))
positions = {model: layout[index] for model, index in models.items()}
answers = {model: features.answers[index] for model, index in models.items()}
table = points(positions, answers, features.labels, info.classes, asked)
selection_key = f"selected-{view.run}-{task}"
selected = st.session_state.setdefault(selection_key, [])

left, right = st.columns([5, 3], gap="medium")
with left:
    map_section(
        table,
        layout,
        info.classes,
        title=f"Features of {names[own - 1]}",
        step=f"step {step}: {names[step - 1]} fused in",
        method=method,
        by=by,
        lines=lines,
        selection_key=selection_key,
        name=f"{view.run}-{task}-{step}",
        deviation=facts["deviation"],
        noun=noun,
        answers=ANSWERS[view.config.scoring if noun == "texts" else "head"],
    )
with right:
    distance_metrics(features, step, own, names, noun)
    plan_section(path, task, step, features, len(tasks) + own, info.classes, f"{view.run}-{task}-{step}-plan")
if selected:
    selected_examples(pictures, asked, info, features, answers, selected, selection_key)


def along_the_merge() -> None:
    """Let the map show pictures and move its points; draw how the distance to the teacher changed over the steps."""
    feature_motion("map", positions, pictures, f"{view.run}-{task}-{method}", INK[theme()][0])
    distance_chart(features, names, own, step, labels.colours[task], f"{view.run}-{task}-distances")


defer(along_the_merge)
