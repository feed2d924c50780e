"""The tables of a sweep: its finished runs, and their tasks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dashboard.charts.outcomes import outcomes
from otmf_core.analysis.sweeps import SweepRun, pareto
from otmf_core.config import MergeConfig
from otmf_core.runs.folder import Run
from otmf_core.settings import Setting

METRICS = ["acc", "bwt", "stability", "plasticity"]


def sweep_table(runs: Mapping[float, Run], setting: str) -> pd.DataFrame:
    """A row per finished run: setting, run, ACC, BWT, stability, plasticity, and whether it is on the Pareto front."""
    rows = [(value, run.id, *(getattr(run.record, metric) for metric in METRICS)) for value, run in runs.items()]
    table = pd.DataFrame(rows, columns=[setting, "run", *METRICS])
    table[METRICS] = table[METRICS].astype(float)
    complete = table.dropna(subset=["stability", "plasticity"])
    undominated = pareto(list(zip(complete["stability"], complete["plasticity"], strict=True)))
    table["front"] = table.index.isin(complete.index[undominated])
    return table


def task_table(runs: Mapping[float, Run], setting: str) -> pd.DataFrame:
    """A row per finished run and task: the setting, task, accuracy in percent when just merged and now (at the end)."""
    parts = []
    for value, run in runs.items():
        individual = dict(zip(run.config.tasks, run.individual, strict=True))
        part = outcomes(run.matrix, run.config.tasks, individual).loc[:, ["task", "just_merged", "now"]]
        parts.append(part.assign(**{setting: value}))
    return pd.concat(parts, ignore_index=True).loc[:, [setting, "task", "just_merged", "now"]]


def reached_by_rule(
    config: MergeConfig, setting: Setting, found: Mapping[str, SweepRun], stored: Mapping[str, Run]
) -> dict[str, tuple[float | None, float | None]]:
    """ACC in percent and BWT in points of every rule's finished run, by the rule in words.

    `found` has the runs by rule (`by_rule`), `config` a merge of the sweep, `stored` the runs by id.
    """
    if setting.shown.given is None:
        return {}
    rule = config.method.described()[setting.shown.given[0]]
    runs = {name: stored.get(member.run) for name, member in found.items()}
    return {rule.text(name): (run.record.acc, run.record.bwt) for name, run in runs.items() if run and run.record}
