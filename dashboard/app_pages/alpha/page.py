"""Alpha: sweep the retention weight over one sequence, see what it trades, and take the best to the Merge page."""

from functools import partial

import streamlit as st

from dashboard.app_pages.alpha.alpha_picker import choose_alpha
from dashboard.app_pages.alpha.charts import balance, each_task, front, quality
from dashboard.app_pages.alpha.controls import sweep_row
from dashboard.app_pages.alpha.sequence_picker import choose_sequence
from dashboard.app_pages.alpha.sequences import sweepable_runs
from dashboard.app_pages.alpha.tables import sweep_table, task_table
from dashboard.library.task_labels import task_labels
from dashboard.runs.loading import readable_runs
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.layout import panels
from otmf_core.analysis.sweeps import members, plan

# What is swept, and the row that runs it.
stored_runs = {run.id: run for run in readable_runs()[0]}
runs = sweepable_runs(stored_runs.values())
config = choose_sequence(runs)
alphas = st.multiselect(
    "Values of α",
    [twentieths / 20 for twentieths in range(21)],
    [0.5, 0.6, 0.7, 0.8, 0.9],
    format_func=lambda alpha: f"{alpha:g}",
    key="alphas",
    bind="query-params",
    placeholder="Choose the values to run",
    help="The weight that each fusion keeps of the merged task vector; the incoming one weighs 1 − α.",
)
sweep_row(config, plan(config, alphas, runs), stored_runs)

# What its finished runs reached.
runs_by_alpha = {
    alpha: run
    for alpha, member in members(config, runs).items()
    if (run := stored_runs.get(member.run)) is not None and run.record
}
if not runs_by_alpha:
    st.info("The figures appear with the first finished run of this sequence.", icon=":material/monitoring:")
    st.stop()
table, tasks = sweep_table(runs_by_alpha), task_table(runs_by_alpha)
selected = choose_alpha(table, config)
name = f"alpha-{config.tasks[0]}-{len(config.tasks)}-tasks"
charts = (
    (quality, "quality", ["acc", "bwt"], "Quality", "ACC and BWT on test images"),
    (balance, "balance", ["stability", "plasticity"], "Balance", "means over tasks, test"),
    (front, "front", ["plasticity", "stability", "front"], "Trade-off", "each point an α, test"),
)
for panel, (chart, key, columns, title, measured) in zip(panels(3, "alpha"), charts, strict=True):
    with panel:
        show_chart(
            cached_chart(chart, table, selected),
            partial(table.filter, ["alpha", "run", *columns]),
            title=title,
            measured=measured,
            key=key,
            name=f"{name}-{key}",
        )


def task_charts() -> None:
    """Draw every task against α."""
    labels = task_labels(config.model_dump())
    show_chart(
        cached_chart(each_task, tasks, config.tasks, labels.names, labels.colours, selected),
        lambda: tasks,
        title="Every task",
        measured="test accuracy at the end (solid) and when just merged (dotted)",
        key="tasks",
        name=f"{name}-tasks",
    )


defer(task_charts)
