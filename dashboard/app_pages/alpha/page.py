"""Alpha: sweep a method's main setting over one sequence, see what it trades, and take the best to the Merge page."""

from functools import partial

import streamlit as st

from dashboard.app_pages.alpha.controls import sweep_row
from dashboard.app_pages.alpha.rule_line import rule_line
from dashboard.app_pages.alpha.sequence_picker import choose_sequence
from dashboard.app_pages.alpha.sequences import sweep_grid, sweepable_runs
from dashboard.app_pages.alpha.value_picker import choose_value
from dashboard.charts.sweep import balance, each_task, front, quality
from dashboard.charts.sweep_tables import reached_by_rule, sweep_table, task_table
from dashboard.library.labels import library_labels
from dashboard.report.button import report_button
from dashboard.runs.example import example_line, example_runs
from dashboard.runs.loading import readable_runs
from dashboard.text import sentence
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.layout import panels
from otmf_core.analysis.sweeps import by_rule, members, sweep_status
from otmf_core.settings import Setting

# What is swept, and the row that runs it.
stored_runs = {run.id: run for run in [*readable_runs()[0], *example_runs()]}
runs = sweepable_runs(stored_runs.values())
config = choose_sequence(runs)
example_line(*(member.run for member in members(config, runs).values()))
setting = config.method.swept()
assert setting is not None  # as of every sequence
values = st.multiselect(
    f"Values of {setting.symbol}",
    sweep_grid(setting),
    list(setting.shown.sweep),
    format_func=setting.text,
    key=f"{setting.name}s",
    bind="query-params",
    placeholder="Choose the values to run",
    help=sentence(setting.help),
)
sweep_row(config, sweep_status(config, values, runs), stored_runs)
rules = by_rule(config, runs)
rule_line(config, setting, rules, stored_runs)

# What its finished runs reached.
runs_by_value = {
    value: run
    for value, member in members(config, runs).items()
    if (run := stored_runs.get(member.run)) is not None and run.record
}
if not runs_by_value:
    st.info("The figures appear with the first finished run of this sequence.", icon=":material/monitoring:")
    st.stop()
table, tasks = sweep_table(runs_by_value, setting.name), task_table(runs_by_value, setting.name)
by_rules = [stored_runs[member.run] for member in rules.values() if member.run in stored_runs]
report_button([*runs_by_value.values(), *(run for run in by_rules if run.record)], "alpha-report")
selected = choose_value(table, config, setting)
name = f"{setting.name}-{config.tasks[0]}-{len(config.tasks)}-tasks"
charts = (
    (
        partial(quality, rules=reached_by_rule(config, setting, rules, stored_runs)),
        "quality",
        ["acc", "bwt"],
        "Quality",
        f"ACC and BWT on test {library_labels(config).noun}",
    ),
    (balance, "balance", ["stability", "plasticity"], "Balance", "means over tasks, test"),
    (front, "front", ["plasticity", "stability", "front"], "Trade-off", f"a point per {setting.symbol}, test"),
)
for panel, (chart, key, columns, title, measured) in zip(panels(3, "alpha"), charts, strict=True):
    with panel:
        show_chart(
            cached_chart(chart, table, setting, selected),
            partial(table.filter, [setting.name, "run", *columns]),
            title=title,
            measured=measured,
            key=key,
            name=f"{name}-{key}",
        )


def task_charts(setting: Setting = setting) -> None:
    """Draw every task against the setting."""
    labels = library_labels(config)
    show_chart(
        cached_chart(each_task, tasks, config.tasks, labels.names, labels.colours, setting, selected),
        lambda: tasks,
        title="Every task",
        measured="test accuracy at the end (solid) and when just merged (dotted)",
        key="tasks",
        name=f"{name}-tasks",
    )


defer(task_charts)
