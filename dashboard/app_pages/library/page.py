"""Library: what is installed: tasks and their examples, checkpoints, and how the task vectors lie to each other."""

import streamlit as st

from dashboard.app_pages.library.actions import making_buttons, task_buttons
from dashboard.app_pages.library.checkpoints import checkpoints
from dashboard.app_pages.library.job_panel import job_panel
from dashboard.app_pages.library.overview import overview
from dashboard.app_pages.library.tables import measured_accuracies, task_table
from dashboard.app_pages.library.task_vectors import task_vectors
from dashboard.app_pages.library.tasks import choose_task, task_panel
from dashboard.library.picker import choose_library
from dashboard.runs.loading import readable_runs
from dashboard.text import reason
from dashboard.ui.deferred import defer
from otmf_core.errors import InputError

# The library, what can be done with it and with others, and what is being done.
left, right = st.columns([5, 7], vertical_alignment="bottom")
buttons = right.container(horizontal=True, horizontal_alignment="right")
with buttons:
    making_buttons()
job_panel()
with left:
    _, library = choose_library()
with buttons:
    task_buttons(library)
accuracies = measured_accuracies(readable_runs()[0], library.manifest_hash)
overview(library)

# Its tasks, and the selected one in full.
left, right = st.columns([7, 3], gap="medium")
try:
    with left:
        task = choose_task(library, task_table(library, accuracies), accuracies)
    if task:
        with right:
            task_panel(library, library.task(task), accuracies.get(task))
except InputError as error:
    st.error(reason(error), title="These tasks cannot be shown")

# How its task vectors lie to each other, and the files that hold them.
defer(lambda: checkpoints(library, task_vectors(library)))
