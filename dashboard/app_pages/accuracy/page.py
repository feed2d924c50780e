"""Accuracy: what a run gained and what it forgot, task by task."""

import streamlit as st

from dashboard.charts.ends import outcome, retention
from dashboard.charts.outcomes import outcomes
from dashboard.library.labels import library_labels
from dashboard.runs.accuracy_charts import accuracy_charts
from dashboard.runs.metrics import all_metrics
from dashboard.runs.picker import choose_run
from dashboard.runs.presenting import present_link
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.layout import panels

view = choose_run(
    "accuracy",
    lambda run: bool(run.matrix),
    "Accuracies appear here as soon as a merge has evaluated the pre-trained model.",
)
tasks = list(view.tasks)
labels = library_labels(view.config)
if view.status == "done":
    present_link(view.run)
all_metrics(view)
selection = st.multiselect(
    "Tasks in the curves",
    tasks,
    format_func=labels.names.__getitem__,
    key="tasks_shown",
    placeholder="All; choose some to see them alone",
    bind="query-params",
)

# What every task was after every step.
accuracy_charts(view, "accuracy", selection or tasks, view.individual)


def outcome_charts() -> None:
    """Draw where every task ended, and what that says of stability and plasticity."""
    table = outcomes(view.matrix, tasks, view.individual)
    if table.empty:
        return
    charts = (
        (outcome, "outcome", "Where each task ended", "from just merged to now"),
        (retention, "retention", "Stability against plasticity", "per task"),
    )
    for panel, (chart, key, title, measured) in zip(panels(2, "ends"), charts, strict=True):
        with panel:
            show_chart(
                cached_chart(chart, table, labels.names, labels.colours),
                lambda: table,
                title=title,
                measured=measured,
                key=key,
                name=f"{view.run}-{key}",
            )


defer(outcome_charts)
