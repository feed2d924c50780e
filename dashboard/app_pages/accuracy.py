"""Accuracy: what a run gained and forgot, task by task."""

import streamlit as st

from dashboard.charts.curves import accuracy_curves
from dashboard.charts.matrix import accuracy_matrix
from dashboard.charts.outcome import outcome, outcomes, retention
from dashboard.chosen_run import choose_run
from dashboard.figure import drawn, figure
from dashboard.widgets import SIDE_BY_SIDE, faces, matrix_frame, metric_row

view = choose_run(
    "accuracy",
    lambda run: bool(run.progress.get("matrix")),
    "Accuracies appear here as soon as a merge has evaluated the pre-trained model.",
)
tasks = list(view.tasks)
shown = faces(view.config)
names = [shown.names[task] for task in tasks]
metric_row(view)
chosen = st.multiselect(
    "Tasks in the curves",
    tasks,
    format_func=shown.names.__getitem__,
    key="tasks_shown",
    placeholder="All; choose some to see them alone",
    bind="query-params",
)

grid = st.grid(2 if len(tasks) <= SIDE_BY_SIDE else 1, min_column_width=380)
with grid.cell():
    figure(
        drawn(accuracy_matrix, view.matrix, names, st.context.theme.type or "light"),
        matrix_frame(view.matrix, names),
        title="Accuracy matrix",
        measured="test, %, outlined where just merged",
        key="matrix",
        name=f"{view.run}-matrix",
    )
with grid.cell():
    figure(
        drawn(accuracy_curves, view.matrix, tasks, shown.names, shown.colours, chosen or tasks, view.individual),
        matrix_frame(view.matrix, names),
        title="Accuracy of each task",
        measured="dotted before its merge",
        key="curves",
        name=f"{view.run}-curves",
    )

table = outcomes(view.matrix, tasks, view.individual)
if table.empty:
    st.stop()
grid = st.grid(2, min_column_width=380)
with grid.cell():
    figure(
        drawn(outcome, table, shown.names, shown.colours),
        table,
        title="Where each task ended",
        measured="from just merged to now",
        key="outcome",
        name=f"{view.run}-outcome",
    )
with grid.cell():
    figure(
        drawn(retention, table, shown.names, shown.colours),
        table,
        title="Stability against plasticity",
        measured="per task",
        key="retention",
        name=f"{view.run}-retention",
    )
