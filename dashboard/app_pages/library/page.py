"""Library: what is installed: tasks and their images, checkpoints, and how the task vectors lie to each other."""

from functools import partial

import streamlit as st

from dashboard.app_pages.library.charts import lengths
from dashboard.app_pages.library.checkpoints import checkpoints
from dashboard.app_pages.library.overview import facts
from dashboard.app_pages.library.tables import checkpoint_table, cosine_frame, lengths_frame, measured, task_table
from dashboard.app_pages.library.tasks import task_panel, tasks_table
from dashboard.charts.colours import task_colours
from dashboard.charts.geometry import cosine_matrix
from dashboard.library.geometry import COMPARING, task_geometry
from dashboard.library.picker import choose_library
from dashboard.runs.loading import readable_runs
from dashboard.text import sentence
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.theme import theme
from otmf_core.errors import InputError

_, library = choose_library()
manifest = library.manifest_hash
root = str(library.root)
known = measured(readable_runs()[0], manifest)
facts(library)

left, right = st.columns([7, 3], gap="medium")
try:
    with left:
        chosen = tasks_table(library, task_table(library, known), known)
    if chosen:
        with right:
            task_panel(library, manifest, library.task(chosen), known.get(chosen))
except InputError as error:
    st.error(sentence(str(error)), title="These tasks cannot be shown")


def vectors() -> None:
    """How the task vectors lie to each other, and the files that hold them."""
    between = None
    try:
        with st.spinner(COMPARING):
            between = task_geometry(root, manifest) if library.tasks else None
    except InputError as error:
        st.error(sentence(str(error)), title="The task vectors cannot be compared")
    if between:
        names = {task.id: task.name for task in library.tasks}
        labels = [names[task] for task in between.tasks]
        left, right = st.columns([7, 3], gap="medium")
        with left:
            show_chart(
                cached_chart(cosine_matrix, between.cosines, labels, theme()),
                partial(cosine_frame, between, labels),
                title="Cosine between task vectors",
                measured="0: orthogonal, 1: the same direction",
                key="cosines",
                name=f"{library.id}-cosines",
            )
        with right:
            show_chart(
                cached_chart(
                    lengths, between.relative, between.tasks, names, task_colours([task.id for task in library.tasks])
                ),
                partial(lengths_frame, between, labels),
                title="Their lengths",
                measured="% of ‖θ⁰‖",
                key="lengths",
                name=f"{library.id}-lengths",
            )

    try:
        checkpoints(checkpoint_table(library, between), library)
    except InputError as error:
        st.error(sentence(str(error)), title="The checkpoints cannot be shown")


defer(vectors)
