"""Accuracy: what a run gained and forgot, task by task."""

import streamlit as st

from dashboard.app_pages.accuracy.charts import outcome, retention
from dashboard.charts.outcomes import outcomes
from dashboard.library.task_labels import task_labels
from dashboard.runs.accuracy_charts import accuracy_figures
from dashboard.runs.metrics import metric_row
from dashboard.runs.picker import choose_run
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.layout import panels

view = choose_run(
    "accuracy",
    lambda run: bool(run.progress.get("matrix")),
    "Accuracies appear here as soon as a merge has evaluated the pre-trained model.",
)
tasks = list(view.tasks)
shown = task_labels(view.config)
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


def ends() -> None:
    """Where every task ended, and what that says of stability and plasticity."""
    table = outcomes(view.matrix, tasks, view.individual)
    if table.empty:
        return
    figures = (
        (outcome, "Where each task ended", "from just merged to now"),
        (retention, "Stability against plasticity", "per task"),
    )
    for panel, (chart, title, measured) in zip(panels(2, "ends"), figures, strict=True):
        with panel:
            show_chart(
                cached_chart(chart, table, shown.names, shown.colours),
                lambda: table,
                title=title,
                measured=measured,
                key=chart.__name__,
                name=f"{view.run}-{chart.__name__}",
            )


defer(ends)
