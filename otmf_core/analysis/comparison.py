"""Finished runs held against each other: pools over orders and seeds, a leaderboard, differences. Rows, no screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, median, stdev
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.metrics import Matrix
from otmf_core.runs.folder import Run

BEST_OF_METRIC = {
    "acc": max,
    "bwt": max,
    "stability": max,
    "plasticity": max,
    "held_out": max,
    "seconds": min,
    "memory_gib": min,
}
METRICS = tuple(BEST_OF_METRIC)
SAVING = "checkpoint_seconds"  # changes when a run is saved, never what it finds

Row = dict[str, Any]


def letter(index: int) -> str:
    """A name for the run at this index: A…Z, then A1…Z1."""
    return chr(65 + index % 26) + (str(index // 26) if index >= 26 else "")


def settings(config: MergeConfig) -> dict[str, Any]:
    """The settings of a merge that it reads, by name."""
    unread = {SAVING}
    if not config.method.presets:
        unread.add("preset")
    if config.heads == "none":
        unread |= {"head_fraction", "head_lr"}
    return {name: value for name, value in config.flat().items() if name not in unread}


def pools(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs put together where they differ in the order of the tasks and in the seed only.

    Of runs that differ in neither, the first alone counts: a repeat is no further order and no further seed.
    """
    pool_by_settings: dict[str, list[Run]] = {}
    draws = set()
    for run in runs:
        own = settings(run.config)
        common = {**own, "tasks": sorted(run.config.tasks), "seed": None, "library_hash": run.state.library}
        key = repr(sorted(common.items()))
        draw = (key, run.config.tasks, run.config.seed)
        if draw not in draws:
            pool_by_settings.setdefault(key, []).append(run)
        draws.add(draw)
    return list(pool_by_settings.values())


def leaderboard(groups: Sequence[list[Run]], names: Mapping[str, str]) -> tuple[list[Row], list[list[Run]]]:
    """A row per group of runs, and the groups, best ACC first: what it is, and every metric's mean and deviation.

    `names` is by run id. ACC, stability, plasticity and the accuracy on tasks that are not merged are in percent, BWT
    in points, time in seconds, memory in GiB. The deviation is the sample's (n − 1), missing for a single run; a metric
    that a run lacks leaves its group's empty. Of time the median stands for the mean, without a deviation: a machine
    that did other things as well makes one run long, never short.
    """
    rows = []
    groups = sorted(groups, key=lambda group: fmean(metric(run, "acc") or 0.0 for run in group), reverse=True)
    for group in groups:
        config, record = group[0].config, group[0].record
        row: Row = {
            "name": ", ".join(names[run.id] for run in group),
            "method": config.method.title,
            "setting": ", ".join(config.method.symbols()),
            "preset": config.preset if config.method.presets else None,
            "labels": record.labels if record else None,
            "tasks": len(config.tasks),
            "n": len(group),
        }
        for name in METRICS:
            values = [value for run in group if (value := metric(run, name)) is not None]
            complete = len(values) == len(group)
            middle = median if name == "seconds" else fmean
            row[name] = middle(values) if complete else None
            row[f"{name}_std"] = stdev(values) if complete and len(values) > 1 and middle is fmean else None
        rows.append(row)
    return rows, groups


def metric(run: Run, name: str) -> float | None:
    """One of METRICS of a finished run, None where it was not measured."""
    if run.record is None:
        return None
    if name == "memory_gib":
        return run.record.peak_memory_bytes / 2**30 if run.record.peak_memory_bytes else None
    if name == "held_out":
        means = run.record.held_out_means()
        return means and means[1]
    return getattr(run.record, name)


def best_marks(rows: Sequence[Row]) -> dict[str, list[bool]]:
    """By metric, whether each row of a leaderboard has its best value; none has where all are equal or unknown."""
    marks = {}
    for name, choose in BEST_OF_METRIC.items():
        values = [row[name] for row in rows if row[name] is not None]
        top = choose(values) if len(set(values)) > 1 else None
        marks[name] = [top is not None and row[name] == top for row in rows]
    return marks


def means_so_far(matrix: Matrix) -> list[float]:
    """The mean accuracy in percent over the tasks merged so far, after steps 1…T."""
    return [fmean([value for value in row[:step] if value is not None]) for step, row in enumerate(matrix) if step]


def differences(configs: Mapping[str, MergeConfig]) -> dict[str, Row]:
    """By run, the settings that are not the same in all of them; None where a method has not such a setting."""
    by_run = {name: settings(config) for name, config in configs.items()}
    names = dict.fromkeys(name for own in by_run.values() for name in own)
    differ = [name for name in names if len({repr(own.get(name)) for own in by_run.values()}) > 1]
    return {run: {name: own.get(name) for name in differ} for run, own in by_run.items()}


def unusual_marks(rows: Sequence[Row]) -> dict[str, list[bool]]:
    """By setting, whether each row's value is not the most frequent one (of several such, the first)."""
    marks = {}
    for name in rows[0] if rows else ():
        values = [repr(row[name]) for row in rows]
        usual = Counter(values).most_common(1)[0][0]
        marks[name] = [value != usual for value in values]
    return marks


def by_library(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs put together by their library, in the order met: figures of two libraries are of different tests."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.config.library, []).append(run)
    return list(groups.values())


def runs_of_commonest_tasks(runs: Sequence[Run], limit: int) -> list[Run]:
    """The first `limit` runs of the library and set of tasks that most runs merge (the first of several such)."""
    task_sets = [(run.config.library, frozenset(run.config.tasks)) for run in runs]
    commonest = Counter(task_sets).most_common(1)[0][0]
    return [run for run, tasks in zip(runs, task_sets, strict=True) if tasks == commonest][:limit]


def mismatches(runs: Sequence[Run]) -> list[str]:
    """The reasons why the metrics of these runs may not be held against each other; empty where they may."""
    reasons = []
    if len({frozenset(run.config.tasks) for run in runs}) > 1:
        reasons.append("They merge different sets of tasks, so their means are over different tests.")
    labels = sorted({run.record.labels for run in runs if run.record})
    if len(labels) > 1:
        reasons.append(f"They use different labels: {', '.join(labels)}.")
    scorings = sorted({run.config.scoring for run in runs if run.noun == "texts"})
    if len(scorings) > 1:
        reasons.append(f"Their answers are scored by {' and by '.join(scorings)}, which are different tests.")
    libraries = sorted({run.config.library for run in runs})
    if len(libraries) > 1:
        reasons.append(f"They come from different libraries: {', '.join(libraries)}.")
    elif len({run.state.library for run in runs if run.state.library}) > 1:
        reasons.append(f"The library {libraries[0]} changed between them.")
    return reasons
