"""How long a merge will take and how much memory it will hold: work counted by hand, times rates that were measured.

Imports no torch: an estimate from finished runs is there at once. `estimate` measures the rates where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.forecast.sizes import Sizes
from otmf_core.runs.folder import Run

# What two merges must share for one to tell how long the other takes; α, rates, seeds and tasks do not count.
ALIKE = ("library", "method", "update", "space", "p", "blur", "batch", "memory", "heads", "head_fraction", "device")


@dataclass(frozen=True)
class Work:
    """What each step of a merge does (step 0 evaluates the pre-trained model): images encoded, images decoded."""

    encoded: tuple[int, ...]
    decoded: tuple[int, ...]
    mask_steps: int  # in all fusions together
    tensors: int  # bytes held at once, at least


@dataclass(frozen=True)
class Rates:
    """Seconds that a mask step takes, an image encoded, one decoded, and reading the models; bytes beside tensors."""

    mask_step: float
    encode: float
    decode: float
    start: float
    beside: int
    source: str


@dataclass(frozen=True)
class Estimate:
    """Seconds from start to record, bytes at the peak, and what both were derived from."""

    seconds: float
    memory: int
    source: str


def work(config: MergeConfig, size: Sizes) -> Work:
    """What the fold does for this configuration, step by step (0…T)."""
    tasks = len(config.tasks)
    masked = config.reads_images
    encoded, decoded, held = [sum(size.test)], [sum(size.test)], []
    for t in range(1, tasks + 1):
        seen = tasks if config.evaluate == "all" or t == tasks else t + 1
        images = size.test[t - 1] + sum(size.test[:seen])  # the expert on its own task, then the merged model
        views = 0
        if masked:
            earlier = sum(min(config.memory, count) for count in size.calibration[: max(t - 2, 0)])
            views = sum(size.calibration[max(t - 2, 0) : t]) + earlier
            images += size.calibration[t - 1]
            if not config.memory and t > 1:  # teachers were not kept: those of the merged model are taken again
                images += size.calibration[t - 2]
        read = views
        if config.heads == "tuned":
            pools = size.labelled[max(t - 2, 0) : t - 1] + (size.labelled[-1:] if t == tasks else ())
            images += sum(round(config.head_fraction * pool) for pool in pools)
            read += sum(pools)
        encoded.append(images)
        decoded.append(read)
        held.append(views)
    pictures = size.picture * (sum(size.test) + max(held))
    return Work(
        tuple(encoded),
        tuple(decoded),
        config.steps * (tasks - 1) if masked else 0,
        model_bytes(config, size.parameters) + pictures,
    )


def model_bytes(config: MergeConfig, parameters: int) -> int:
    """Bytes of what a fusion holds at once: θ⁰, the encoder, Δ_pre and Δ_post; masks and their moments, or Δ_m."""
    copies = 4
    if config.reads_images:
        copies += 2 + (2 if config.update == "joint" else 4)  # each way of training has two moments of its own
    else:
        copies += 1
    return 4 * parameters * copies


def extrapolate(config: MergeConfig, size: Sizes, rates: Rates) -> Estimate:
    """Every piece of work at its rate; the tensors that were counted, and what was measured beside them."""
    todo = work(config, size)
    seconds = rates.start + rates.mask_step * todo.mask_steps
    seconds += rates.encode * sum(todo.encoded) + rates.decode * sum(todo.decoded)
    return Estimate(seconds, todo.tensors + rates.beside, rates.source)


def rates_of_runs(config: MergeConfig, sizes_of: Mapping[str, Sizes], finished: Sequence[Run]) -> Rates | None:
    """The median rates of finished runs with equal settings (`ALIKE`), None where there are none.

    `sizes_of` has the sizes of a run's own tasks by run id. A run's first step trains no mask: it tells what an image
    takes, decoding included, and the rest of its time is that of its mask steps.
    """
    found = [_rates(run, sizes_of[run.id]) for run in finished if run.id in sizes_of and alike(config, run)]
    if not found:
        return None
    pieces: Any = zip(*found, strict=True)
    mask_step, encode, start, beside = (median(values) for values in pieces)
    count = f"{len(found)} finished run{'s' * (len(found) > 1)} with these settings"
    return Rates(mask_step, encode, 0.0, start, round(beside), f"from {count}")


def alike(config: MergeConfig, run: Run) -> bool:
    """Whether a finished run was measured and shares what decides how long a merge takes."""
    if not run.record or not run.record.get("step_seconds") or not run.record.get("peak_memory_bytes"):
        return False
    return all(run.config.get(name) == getattr(config, name) for name in ALIKE)


def _rates(run: Run, size: Sizes) -> tuple[float, float, float, int]:
    record: Any = run.record
    config = MergeConfig.parse(run.config)
    todo = work(config, size)
    seconds = record["step_seconds"]
    encode = seconds[0] / todo.encoded[1]
    masked = max(0.0, sum(seconds[1:]) - encode * sum(todo.encoded[2:]))
    start = max(0.0, record["seconds"] - sum(seconds) - encode * todo.encoded[0])
    beside = max(0, record["peak_memory_bytes"] - todo.tensors)
    return masked / max(1, todo.mask_steps), encode, start, beside
