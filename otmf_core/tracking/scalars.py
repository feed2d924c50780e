"""The scalars of a run by the names that every tracker keeps them under, from events and the run folder alone."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from otmf_core import layout, metrics
from otmf_core.masks.measures import SIDES, share_below
from otmf_core.masks.reading import read_statistics
from otmf_core.runs.folder import Run

FINAL = ("acc", "bwt", "fwt", "stability", "plasticity", "normalised_acc", "seconds")
KEPT_FROM = 0.1  # |mask| of an entry that counts as kept; the Masks page begins with it, too


def curve_values(row: Mapping[str, float | None]) -> dict[str, float]:
    """A row of the loss curves."""
    return {f"curves/{name}": value for name, value in _numbers(row).items() if name != "iteration"}


def step_values(run: Run, t: int) -> dict[str, float]:
    """What is known after step t: accuracies in percent, ACC and BWT of the tasks so far, masks, seconds, MiB."""
    tasks, summary = run.config.tasks, run.record or run.state
    values = {f"accuracy/{task}": value for task, value in zip(tasks, run.matrix[t], strict=True) if value is not None}
    if t:
        so_far = [row[:t] for row in run.matrix[: t + 1]]
        values["ACC"] = metrics.acc(so_far)
        if t > 1:
            values["BWT"] = metrics.bwt(so_far)
        values[f"individual/{tasks[t - 1]}"] = run.individual[t - 1]
        values |= _mask_values(run.path, t)
        if t <= len(summary.step_seconds):
            values["seconds/step"] = summary.step_seconds[t - 1]
    if t == len(run.matrix) - 1:  # of earlier steps it is not known any more
        values["memory/peak_mib"] = summary.peak_memory_bytes / 2**20
    last = len(tasks)
    for task, pair in summary.held_out.items():
        if t in (0, last):
            values[f"held_out/{task}"] = pair[-1 if t == last else 0]
    return values


def final_values(run: Run) -> dict[str, float]:
    """What a finished run's record has of numbers beside its last step: metrics, and seconds in all."""
    return _numbers({f"final/{name}": getattr(run.record, name) for name in FINAL})


def _mask_values(run: Path, t: int) -> Iterator[tuple[str, float]]:
    """Mean and density of each side's masks, over all entries; density: the share of entries that are kept."""
    if not os.path.isfile(run / layout.step_folder(t) / layout.MASK_STATISTICS):
        return
    statistics = read_statistics(run, t)
    for side in SIDES:
        own = getattr(statistics, side)
        weights = own.entries / own.entries.sum()
        below = share_below(own.histogram, own.low, own.high, KEPT_FROM)
        yield f"masks/mean_{side}", float(weights @ own.mean)
        yield f"masks/density_{side}", float(weights @ (1 - below))


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
