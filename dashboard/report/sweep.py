"""The report of a sweep over one setting of a merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from dashboard.charts.look import dressed
from dashboard.charts.sweep import balance, each_task, front, quality
from dashboard.charts.sweep_tables import METRICS, reached_by_rule, sweep_table, task_table
from dashboard.library.labels import library_labels
from dashboard.report.parts import Chart, Section, metrics, table
from dashboard.report.protocol import how_again, protocol, settings_of_many, versions
from dashboard.runs.columns import COLUMNS
from dashboard.runs.definitions import DEFINITIONS
from dashboard.text import number_text, with_unit
from otmf_core.analysis.sweeps import SweepRun, by_hand, by_rule, members
from otmf_core.config import MergeConfig
from otmf_core.runs.folder import Run


def swept(runs: Sequence[Run]) -> MergeConfig | None:
    """A merge of the sweep that these runs are, of two values or more; None where they are none."""
    config = by_hand(runs[0].config)
    if config.method.swept() is None:
        return None
    every = [SweepRun(run.id, run.status, run.config) for run in runs]
    by_value, rules = members(config, every), by_rule(config, every)
    taken = {member.run for member in (*by_value.values(), *rules.values())}
    return config if len(by_value) > 1 and taken == {run.id for run in runs} else None


def sweep_sections(runs: Sequence[Run], config: MergeConfig) -> list[Section]:
    """What finished runs of the sweep around `config` traded, value by value."""
    setting = config.method.swept()
    assert setting is not None  # as of every sweep
    stored = {run.id: run for run in runs}
    every = [SweepRun(run.id, run.status, run.config) for run in runs]
    by_value = {value: stored[member.run] for value, member in members(config, every).items()}
    rules = reached_by_rule(config, setting, by_rule(config, every), stored)
    rows, tasks = sweep_table(by_value, setting.name), task_table(by_value, setting.name)
    best = rows.loc[rows["acc"].idxmax()]
    value, labels, noun = float(best[setting.name]), library_labels(config), runs[0].noun

    def chart(title: str, measured: str, draw: partial) -> Chart:
        return Chart(title, measured, lambda theme: dressed(draw(setting=setting, selected=value), theme))

    units = {"ACC": "%", "BWT": "pt", "Stability": "%", "Plasticity": "%"}
    reached = [
        (f"{name} (points)" if unit == "pt" else name, with_unit(best[name.lower()], unit, signed=unit == "pt") or "–",
         DEFINITIONS[name])
        for name, unit in units.items()
    ]  # fmt: skip
    names = {run.id: f"{setting.symbol} = {setting.text(at)}" for at, run in by_value.items()}
    names |= {run.id: run.id for run in runs if run.id not in names}
    return [
        Section(f"Best ACC: {setting.symbol} = {setting.text(value)}", [metrics(reached)]),
        Section(
            "Trade-off",
            [
                chart("Trade-off", f"a point per {setting.symbol}, test", partial(front, rows)),
                chart("Quality", f"ACC and BWT on test {noun}", partial(quality, rows, rules=rules)),
                chart("Balance", "means over tasks, test", partial(balance, rows)),
                table(
                    [setting.symbol, *(COLUMNS[metric][0] for metric in METRICS), "On the front"],
                    _rows(rows.to_dict("records"), setting.name),
                    range(5),
                ),
            ],
        ),
        Section(
            "Every task",
            [
                chart(
                    "Every task",
                    "test accuracy at the end (solid) and when just merged (dotted)",
                    partial(each_task, tasks, config.tasks, labels.names, labels.colours),
                )
            ],
        ),
        protocol(runs),
        settings_of_many(runs, names),
        versions(runs),
        how_again([*by_value.values(), *(run for run in runs if run not in by_value.values())]),
    ]


def _rows(rows: Sequence[Mapping], setting: str) -> list[list[str | None]]:
    def cell(metric: str, value: float) -> str | None:
        return None if value != value else number_text(value, COLUMNS[metric][1], metric == "bwt")

    return [
        [f"{row[setting]:g}", *(cell(metric, row[metric]) for metric in METRICS), "yes" if row["front"] else ""]
        for row in rows
    ]
