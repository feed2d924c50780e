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

FIGURES = {"acc": max, "bwt": max, "stability": max, "plasticity": max, "seconds": min, "memory_gib": min}
TRAINING = ("preset", "alpha", "update", "space", "blur", "p", "lr", "schedule", "batch", "steps", "memory")
SAVING = "checkpoint_seconds"  # changes when a run is saved, never what it finds


def letter(place: int) -> str:
    """A name for the run in this place: A…Z, then A1…Z1."""
    return chr(65 + place % 26) + (str(place // 26) if place >= 26 else "")


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a configuration that its method reads."""
    known = MergeConfig.parse(dict(config)).model_dump(mode="json")
    unread = {SAVING}
    if known["method"] != "otmf":
        unread |= set(TRAINING)
    if known["method"] != "task-arithmetic":
        unread.add("scaling")
    if known["heads"] == "none":
        unread |= {"head_fraction", "head_lr"}
    return {field: value for field, value in known.items() if field not in unread}


def pools(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs put together where they differ in the order of the tasks and in the seed only.

    Of runs that differ in neither, the first alone counts: a repeat is no further order and no further seed.
    """
    found: dict[str, list[Run]] = {}
    seen = set()
    for run in runs:
        fields = settings(run.config)
        same = {**fields, "tasks": sorted(fields["tasks"]), "seed": None, "began_with": run.progress.get("library")}
        key = repr(sorted(same.items()))
        drawn = (key, tuple(fields["tasks"]), fields["seed"])
        if drawn not in seen:
            found.setdefault(key, []).append(run)
        seen.add(drawn)
    return list(found.values())


def leaderboard(groups: Sequence[list[Run]], names: Mapping[str, str]) -> tuple[pd.DataFrame, list[list[Run]]]:
    """A row per group of runs, and the groups, best ACC first: what it is, and every figure's mean and deviation.

    `names` is by run id. ACC, stability and plasticity are in percent, BWT in points, time in seconds, memory in GiB.
    The deviation is the sample's (n − 1), missing for a single run; a figure that a run lacks leaves its group's empty.
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
        for figure in FIGURES:
            values = [_figure(run, figure) for run in group]
            known = [value for value in values if value is not None]
            whole = len(known) == len(values)
            row[figure] = fmean(known) if whole else None
            row[f"{figure}_std"] = stdev(known) if whole and len(known) > 1 else None
        rows.append(row)
    return pd.DataFrame(rows), groups


def best(table: pd.DataFrame) -> dict[str, list[bool]]:
    """By figure, which rows of a leaderboard have its best value; none where all are equal or nothing is known."""
    marks = {}
    for figure, choose in FIGURES.items():
        known = table[figure].dropna().tolist()
        top = choose(known) if len(set(known)) > 1 else None
        marks[figure] = [top is not None and value == top for value in table[figure]]
    return marks


def means_so_far(matrix: Matrix) -> list[float]:
    """The mean accuracy in percent over the tasks merged so far, after steps 1…T."""
    return [fmean([value for value in row[:step] if value is not None]) for step, row in enumerate(matrix) if step]


def differences(configs: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row per run and a column per setting that is not the same in all of them; None where a method has it not."""
    read = {name: settings(config) for name, config in configs.items()}
    fields = [field for field in MergeConfig.model_fields if any(field in one for one in read.values())]
    differ = [field for field in fields if len({repr(one.get(field)) for one in read.values()}) > 1]
    return pd.DataFrame(
        [{field: one.get(field) for field in differ} for one in read.values()], index=pd.Index(read, name="name")
    )


def unusual(table: pd.DataFrame) -> pd.DataFrame:
    """Which values of `differences` are not the most frequent of their column (the first of several such)."""
    marks = {}
    for field in table:
        values = [repr(value) for value in table[field]]
        usual = Counter(values).most_common(1)[0][0]
        marks[field] = [value != usual for value in values]
    return pd.DataFrame(marks, index=table.index)


def like(runs: Sequence[Run], limit: int) -> list[Run]:
    """Of the set of tasks that most runs merge (the first of several such), the first `limit` runs."""
    sets = [frozenset(run.config["tasks"]) for run in runs]
    common = Counter(sets).most_common(1)[0][0]
    return [run for run, tasks in zip(runs, sets, strict=True) if tasks == common][:limit]


def mismatches(runs: Sequence[Run]) -> list[str]:
    """Why the figures of these runs may not be held against each other; empty where they may."""
    reasons = []
    if len({frozenset(run.config["tasks"]) for run in runs}) > 1:
        reasons.append("They merge different sets of tasks, so their means are over different tests.")
    labels = sorted({str(_record(run).get("labels")) for run in runs})
    if len(labels) > 1:
        reasons.append(f"They use different labels: {', '.join(labels)}.")
    libraries = sorted({run.config["library"] for run in runs})
    if len(libraries) > 1:
        reasons.append(f"They come from different libraries: {', '.join(libraries)}.")
    elif len({known for run in runs if (known := run.progress.get("library"))}) > 1:
        reasons.append(f"The library {libraries[0]} changed between them.")
    return reasons


def _record(run: Run) -> Mapping[str, Any]:
    return run.record or {}


def _figure(run: Run, figure: str) -> float | None:
    if figure == "memory_gib":
        peak = _record(run).get("peak_memory_bytes")
        return peak / 2**30 if peak else None
    return _record(run).get(figure)
