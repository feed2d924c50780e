"""Alpha: sweep the retention weight over one sequence, see what it trades, and take the best to the Merge page."""

from functools import partial

import streamlit as st

from dashboard.app_pages.alpha.alpha_picker import choose_alpha
from dashboard.app_pages.alpha.charts import balance, each_task, front, quality
from dashboard.app_pages.alpha.controls import sweep_row
from dashboard.app_pages.alpha.sequence_picker import choose_sequence
from dashboard.app_pages.alpha.sequences import known_runs
from dashboard.app_pages.alpha.tables import sweep_table, task_table
from dashboard.library.task_labels import task_labels
from dashboard.runs.loading import readable_runs
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.layout import panels
from otmf_core.analysis.sweeps import members, plan

stored = readable_runs()[0]
known = known_runs(stored)
config = choose_sequence(known)
shown = task_labels(config.model_dump())
by_id = {run.id: run for run in stored}

alphas = st.multiselect(
    "Values of α",
    [step / 20 for step in range(21)],
    [0.5, 0.6, 0.7, 0.8, 0.9],
    format_func=lambda alpha: f"{alpha:g}",
    key="alphas",
    bind="query-params",
    placeholder="Choose the values to run",
    help="The weight that each fusion keeps of the merged task vector; the incoming one weighs 1 − α.",
)
sweep_row(config, plan(config, alphas, known), by_id)

found = {alpha: by_id[run.run] for alpha, run in members(config, known).items() if run.run in by_id}
found = {alpha: run for alpha, run in found.items() if run.record}
if not found:
    st.info("The figures appear with the first finished run of this sequence.", icon=":material/monitoring:")
    st.stop()

table, each = sweep_table(found), task_table(found)
chosen = choose_alpha(table, config)
name = f"alpha-{config.tasks[0]}-{len(config.tasks)}-tasks"
figures = (
    (quality, ["acc", "bwt"], "Quality", "ACC and BWT on test images"),
    (balance, ["stability", "plasticity"], "Balance", "means over tasks, test"),
    (front, ["plasticity", "stability", "front"], "Trade-off", "each point an α, test"),
)
for panel, (chart, columns, title, measured) in zip(panels(3, "alpha"), figures, strict=True):
    with panel:
        show_chart(
            cached_chart(chart, table, chosen),
            partial(table.filter, ["alpha", "run", *columns]),
            title=title,
            measured=measured,
            key=chart.__name__,
            name=f"{name}-{chart.__name__}",
        )
defer(
    lambda: show_chart(
        cached_chart(each_task, each, config.tasks, shown.names, shown.colours, chosen),
        lambda: each,
        title="Every task",
        measured="test accuracy at the end (solid) and when just merged (dotted)",
        key="tasks",
        name=f"{name}-tasks",
    )
)
