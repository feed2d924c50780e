"""Finished runs held against each other: leaderboard, pools over orders and seeds, differences; tables, no screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from otmf_core.config import MergeConfig
from otmf_core.metrics import Matrix
from otmf_core.runs.folder import Run

BEST_OF_METRIC = {"acc": max, "bwt": max, "stability": max, "plasticity": max, "seconds": min, "memory_gib": min}
METRICS = tuple(BEST_OF_METRIC)
OTMF_FIELDS = ("preset", "alpha", "update", "space", "blur", "p", "lr", "schedule", "batch", "steps", "memory")
SAVING_FIELD = "checkpoint_seconds"  # changes when a run is saved, never what it finds


def letter(index: int) -> str:
    """A name for the run at this index: A…Z, then A1…Z1."""
    return chr(65 + index % 26) + (str(index // 26) if index >= 26 else "")


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a configuration that its method reads."""
    fields = MergeConfig.parse(dict(config)).model_dump(mode="json")
    unread = {SAVING_FIELD}
    if fields["method"] != "otmf":
        unread |= set(OTMF_FIELDS)
    if fields["method"] != "task-arithmetic":
        unread.add("scaling")
    if fields["heads"] == "none":
        unread |= {"head_fraction", "head_lr"}
    return {field: value for field, value in fields.items() if field not in unread}


def pools(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs put together where they differ in the order of the tasks and in the seed only.

    Of runs that differ in neither, the first alone counts: a repeat is no further order and no further seed.
    """
    pool_by_settings: dict[str, list[Run]] = {}
    draws = set()
    for run in runs:
        fields = settings(run.config)
        common = {**fields, "tasks": sorted(fields["tasks"]), "seed": None, "library_hash": run.progress.get("library")}
        key = repr(sorted(common.items()))
        draw = (key, tuple(fields["tasks"]), fields["seed"])
        if draw not in draws:
            pool_by_settings.setdefault(key, []).append(run)
        draws.add(draw)
    return list(pool_by_settings.values())


def leaderboard(groups: Sequence[list[Run]], names: Mapping[str, str]) -> tuple[pd.DataFrame, list[list[Run]]]:
    """A row per group of runs, and the groups, best ACC first: what it is, and every metric's mean and deviation.

    `names` is by run id. ACC, stability and plasticity are in percent, BWT in points, time in seconds, memory in GiB.
    The deviation is the sample's (n − 1), missing for a single run; a metric that a run lacks leaves its group's empty.
    """
    rows = []
    groups = sorted(groups, key=lambda group: fmean(run.record["acc"] for run in group if run.record), reverse=True)
    for group in groups:
        fields = settings(group[0].config)
        row: dict[str, Any] = {
            "name": ", ".join(names[run.id] for run in group),
            "method": fields["method"],
            "preset": fields.get("preset"),
            "labels": _record(group[0]).get("labels"),
            "alpha": fields.get("alpha"),
            "tasks": len(fields["tasks"]),
            "n": len(group),
        }
        for metric in METRICS:
            values = [value for run in group if (value := _metric(run, metric)) is not None]
            complete = len(values) == len(group)
            row[metric] = fmean(values) if complete else None
            row[f"{metric}_std"] = stdev(values) if complete and len(values) > 1 else None
        rows.append(row)
    return pd.DataFrame(rows), groups


def best_marks(table: pd.DataFrame) -> dict[str, list[bool]]:
    """By metric, whether each row of a leaderboard has its best value; none has where all are equal or unknown."""
    marks = {}
    for metric, choose in BEST_OF_METRIC.items():
        values = table[metric].dropna().tolist()
        top = choose(values) if len(set(values)) > 1 else None
        marks[metric] = [top is not None and value == top for value in table[metric]]
    return marks


def means_so_far(matrix: Matrix) -> list[float]:
    """The mean accuracy in percent over the tasks merged so far, after steps 1…T."""
    return [fmean([value for value in row[:step] if value is not None]) for step, row in enumerate(matrix) if step]


def differences(configs: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row per run and a column per setting that is not the same in all of them; None where a method has it not."""
    settings_by_run = {name: settings(config) for name, config in configs.items()}
    runs = settings_by_run.values()
    fields = [field for field in MergeConfig.model_fields if any(field in run for run in runs)]
    differ = [field for field in fields if len({repr(run.get(field)) for run in runs}) > 1]
    return pd.DataFrame(
        [{field: run.get(field) for field in differ} for run in runs],
        index=pd.Index(list(settings_by_run), name="name"),
    )


def unusual_marks(table: pd.DataFrame) -> pd.DataFrame:
    """Whether each value of `differences` is not the most frequent of its column (the first of several such)."""
    marks = {}
    for field in table:
        values = [repr(value) for value in table[field]]
        usual = Counter(values).most_common(1)[0][0]
        marks[field] = [value != usual for value in values]
    return pd.DataFrame(marks, index=table.index)


def runs_of_commonest_tasks(runs: Sequence[Run], limit: int) -> list[Run]:
    """The first `limit` runs of the set of tasks that most runs merge (the first of several such)."""
    task_sets = [frozenset(run.config["tasks"]) for run in runs]
    commonest = Counter(task_sets).most_common(1)[0][0]
    return [run for run, tasks in zip(runs, task_sets, strict=True) if tasks == commonest][:limit]


def mismatches(runs: Sequence[Run]) -> list[str]:
    """The reasons why the metrics of these runs may not be held against each other; empty where they may."""
    reasons = []
    if len({frozenset(run.config["tasks"]) for run in runs}) > 1:
        reasons.append("They merge different sets of tasks, so their means are over different tests.")
    labels = sorted({str(_record(run).get("labels")) for run in runs})
    if len(labels) > 1:
        reasons.append(f"They use different labels: {', '.join(labels)}.")
    libraries = sorted({run.config["library"] for run in runs})
    if len(libraries) > 1:
        reasons.append(f"They come from different libraries: {', '.join(libraries)}.")
    elif len({library_hash for run in runs if (library_hash := run.progress.get("library"))}) > 1:
        reasons.append(f"The library {libraries[0]} changed between them.")
    return reasons


def _record(run: Run) -> Mapping[str, Any]:
    return run.record or {}


def _metric(run: Run, metric: str) -> float | None:
    if metric == "memory_gib":
        peak = _record(run).get("peak_memory_bytes")
        return peak / 2**30 if peak else None
    return _record(run).get(metric)
