"""The tables of a sweep: its finished runs, and their tasks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dashboard.charts.outcomes import outcomes
from otmf_core.analysis.sweeps import pareto
from otmf_core.runs.folder import Run

METRICS = ["acc", "bwt", "stability", "plasticity"]


def sweep_table(runs: Mapping[float, Run]) -> pd.DataFrame:
    """A row per finished run: α, run, ACC, BWT, stability, plasticity, and whether it is on the Pareto front."""
    rows = [(alpha, run.id, *((run.record or {}).get(metric) for metric in METRICS)) for alpha, run in runs.items()]
    table = pd.DataFrame(rows, columns=["alpha", "run", *METRICS])
    table[METRICS] = table[METRICS].astype(float)
    complete = table.dropna(subset=["stability", "plasticity"])
    undominated = pareto(list(zip(complete["stability"], complete["plasticity"], strict=True)))
    table["front"] = table.index.isin(complete.index[undominated])
    return table


def task_table(runs: Mapping[float, Run]) -> pd.DataFrame:
    """A row per finished run and task: α, task, accuracy in percent when just merged and now (at the end)."""
    parts = []
    for alpha, run in runs.items():
        record = run.record or {}
        individual = dict(zip(record["tasks"], record["individual"], strict=True))
        part = outcomes(record["matrix"], record["tasks"], individual).loc[:, ["task", "just_merged", "now"]]
        parts.append(part.assign(alpha=alpha))
    return pd.concat(parts, ignore_index=True).loc[:, ["alpha", "task", "just_merged", "now"]]
