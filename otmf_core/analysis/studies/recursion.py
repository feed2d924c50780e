"""What a long recursion does to a task: the decay a step over twenty merges, by method."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import fmean

from otmf_core.analysis.comparison import Row
from otmf_core.analysis.grid import entries, grid
from otmf_core.analysis.matched import interval
from otmf_core.analysis.standings import row_name
from otmf_core.analysis.studies.base import Found, Study, acc_of
from otmf_core.analysis.studies.decay import kept_gains, misfit, rate
from otmf_core.methods.table import TABLE
from otmf_core.runs.folder import Run

OURS = TABLE[0].model_fields["name"].default
METHODS = "otmf,otmf@paper,average,task-arithmetic,ties,magmax,opcm,nufilt"


def _found(runs: Sequence[Run], measured: Sequence[object]) -> Found:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(row_name(run.config), []).append(run)
    rows, points = [], []
    for name, group in groups.items():
        own = {"name": name, "method": group[0].config.method.name}
        curves = _curves(group)
        if not curves:
            continue
        # a task's rate is its mean over orders, so that tasks are what the interval is of
        rates = [fmean(map(rate, of_task)) for of_task in curves.values()]
        low, high = interval(rates)
        mean, every = fmean(rates), [curve for of_task in curves.values() for curve in of_task]
        rows.append(
            {
                **own,
                "rate": mean,
                "low": low,
                "high": high,
                "half_life": log(0.5) / log(mean) if 0 < mean < 1 else None,
                "misfit": fmean(misfit(curve, rate(curve)) for curve in every),
                "tasks": len(rates),
                "n": len(group),
                "acc": fmean(acc_of(group)),
            }
        )
        points += [{**own, "step": k, "kept": kept, "fit": mean**k} for k, kept in enumerate(_means(every))]
    rows.sort(key=lambda row: -row["rate"])
    return Found(rows, _finding(rows), points)


def _curves(runs: Sequence[Run]) -> dict[str, list[list[float | None]]]:
    """What is kept of every task's gain, step by step, a curve per run."""
    curves: dict[str, list[list[float | None]]] = {}
    for run in runs:
        for index, task in enumerate(run.config.tasks):
            if kept := kept_gains(run.matrix, index):
                curves.setdefault(task, []).append(kept)
    return curves


def _means(curves: Sequence[Sequence[float | None]]) -> list[float]:
    """The mean share that is kept k steps later, as far as every k has a curve."""
    means = []
    for k in range(max(map(len, curves))):
        there = [value for curve in curves if k < len(curve) and (value := curve[k]) is not None]
        if not there:
            break
        means.append(fmean(there))
    return means


def _finding(rows: Sequence[Row]) -> str:
    if not rows:
        return "No task gained enough, with enough steps after it, for a rate."
    first, last = rows[0], rows[-1]
    parts = [f"of a task's gain over the pre-trained model, {first['name']} keeps {_percent(first)} a step"]
    parts += [f"{row['name']} {_percent(row)}" for row in rows[1:-1] if row["method"] == OURS]
    parts += [f"{last['name']}, the fastest to forget, {_percent(last)}"] * (len(rows) > 1)
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _percent(row: Row) -> str:
    interval = "" if row["low"] is None else f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{100 * row['rate']:.1f}%{interval}"


RECURSION = Study(
    name="recursion",
    title="Long recursion",
    question="How much of what a task gained is lost with every merge after it, over twenty merges?",
    found=_found,
    suite="20",
    configs=lambda orders, shared: grid(entries(METHODS), orders, shared),
    label=lambda config: row_name(config),
)
