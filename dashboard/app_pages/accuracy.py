"""Accuracy: what a run gained and forgot, task by task."""

import streamlit as st

from dashboard.charts.outcome import outcome, outcomes, retention
from dashboard.chosen_run import choose_run
from dashboard.figure import built, figure
from dashboard.widgets import accuracy_figures, faces, metric_row

view = choose_run(
    "accuracy",
    lambda run: bool(run.progress.get("matrix")),
    "Accuracies appear here as soon as a merge has evaluated the pre-trained model.",
)
tasks = list(view.tasks)
shown = faces(view.config)
metric_row(view)
chosen = st.multiselect(
    "Tasks in the curves",
    tasks,
    format_func=shown.names.__getitem__,
    key="tasks_shown",
    placeholder="All; choose some to see them alone",
    bind="query-params",
)

accuracy_figures(view, "accuracy", chosen or tasks, view.individual)

table = outcomes(view.matrix, tasks, view.individual)
if table.empty:
    st.stop()
grid = st.grid(2, min_column_width=380)
with grid.cell():
    figure(
        built(outcome, table, shown.names, shown.colours),
        table,
        title="Where each task ended",
        measured="from just merged to now",
        key="outcome",
        name=f"{view.run}-outcome",
    )
with grid.cell():
    figure(
        built(retention, table, shown.names, shown.colours),
        table,
        title="Stability against plasticity",
        measured="per task",
        key="retention",
        name=f"{view.run}-retention",
    )
