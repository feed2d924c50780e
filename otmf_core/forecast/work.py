"""The time and memory of a merge beforehand: work counted by hand, times rates that were measured.

Imports no torch: an estimate from finished runs is there at once. `estimate` measures the rates where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.forecast.sizes import Sizes
from otmf_core.methods.base import Method
from otmf_core.runs.folder import Run

EARLIER = 4  # tasks, of the iterations that others are counted by
# What two merges must share beside the pace of their method for one to tell how long the other takes.
ALIKE = ("library", "heads", "head_fraction", "device")


@dataclass(frozen=True)
class Work:
    """The work of each step (step 0 evaluates the pre-trained model): images encoded, images decoded."""

    encoded: tuple[int, ...]
    decoded: tuple[int, ...]
    iterations: float  # in all fusions together, counted by their images; a fusion without any counts as one
    tensors: int  # bytes held at once, at least


@dataclass(frozen=True)
class Rates:
    """Seconds of an iteration with EARLIER earlier tasks, of an image encoded, of one decoded, of reading the models;
    bytes beside tensors."""

    iteration: float
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
    """The work of the fold for this configuration, step by step (0…T)."""
    tasks, method = len(config.tasks), config.method
    kept = method.kept_examples
    encoded, decoded, in_memory = [sum(size.test) + size.held_out], [sum(size.test) + size.held_out], []
    for t in range(1, tasks + 1):
        seen = tasks if config.evaluate == "all" or t == tasks else t + 1
        tests = (size.test[t - 1], *size.test[:seen])  # the expert on its own task, then the merged model
        images = sum(tests)
        calibration = 0
        if config.reads_examples:
            earlier = sum(min(kept, count) for count in size.calibration[: max(t - 2, 0)])
            calibration = sum(size.calibration[max(t - 2, 0) : t]) + earlier
            images += size.calibration[t - 1] * method.example_views
            if not kept and t > 1:  # teachers were not kept: those of the merged model are taken again
                images += size.calibration[t - 2] * method.example_views
        read = calibration + sum(test for test in tests if size.streamed(test))
        if pools := [size.labelled[i] for i in config.heads_tuned(t)]:
            chosen = [round(config.head_fraction * pool) for pool in pools]
            images += sum(chosen)
            read += sum(some if size.streamed(pool) else pool for some, pool in zip(chosen, pools, strict=True))
        again = size.held_out if t == tasks else 0
        encoded.append(images + again)
        decoded.append(read + again)
        in_memory.append(calibration)
    kept_tests = sum(test for test in size.test if not size.streamed(test))
    pictures = size.picture * (kept_tests + max(in_memory))
    return Work(
        tuple(encoded),
        tuple(decoded),
        (method.iterations_per_fusion or 1) * _fusions(config),
        model_bytes(config, size.parameters) + 4 * size.beside + pictures,
    )


def _fusions(config: MergeConfig) -> float:
    """The fusions that learn, each counted by the images of its iterations."""
    method, tasks = config.method, len(config.tasks)
    return sum(length(method, t - 1) for t in range(1, tasks + 1) if method.iterates_at(t, tasks))


def length(method: Method, earlier: int) -> float:
    """The images of an iteration with so many earlier tasks, to those of one with EARLIER; 1 where it reads none."""
    return method.images_per_iteration(earlier) / method.images_per_iteration(EARLIER) if method.batch_examples else 1.0


def model_bytes(config: MergeConfig, parameters: int) -> int:
    """Bytes of the tensors of a model's size that a fusion holds at once, in float32."""
    return 4 * parameters * (config.method.model_copies + len(config.tasks) * config.method.copies_per_task)


def extrapolate(config: MergeConfig, size: Sizes, rates: Rates) -> Estimate:
    """Every piece of work at its rate; the tensors that were counted, and what was measured beside them."""
    todo = work(config, size)
    seconds = rates.start + rates.iteration * todo.iterations
    seconds += rates.encode * sum(todo.encoded) + rates.decode * sum(todo.decoded)
    return Estimate(seconds, todo.tensors + rates.beside, rates.source)


def rates_of_runs(config: MergeConfig, sizes_of: Mapping[str, Sizes], finished: Sequence[Run]) -> Rates | None:
    """The median rates of finished runs with equal settings (`ALIKE`), None where there are none.

    `sizes_of` has the sizes of a run's own tasks by run id. A run's first step has no iterations: it tells what an
    image takes, decoding included, and the rest of its time is that of its iterations; None where it has some.
    """
    rates = [_rates(run, sizes_of[run.id]) for run in finished if run.id in sizes_of and alike(config, run)]
    if not rates or config.method.iterates_at(1, len(config.tasks)):
        return None
    pieces: Any = zip(*rates, strict=True)
    iteration, encode, start, beside = (median(values) for values in pieces)
    count = f"{len(rates)} finished run{'s' * (len(rates) > 1)} with these settings"
    return Rates(iteration, encode, 0.0, start, round(beside), f"from {count}")


def alike(config: MergeConfig, run: Run) -> bool:
    """Whether a finished run was measured and shares what decides how long a merge takes."""
    if not run.record or not run.record.step_seconds or not run.record.peak_memory_bytes:
        return False
    return pace(run.config) == pace(config)


def pace(config: MergeConfig) -> tuple[Any, ...]:
    """Everything that decides how long the iterations and images of a merge take; α, rates, seeds and tasks do not."""
    run = tuple(getattr(config, name) for name in ALIKE)
    return (*run, config.method.name, *sorted(config.method.pace().items()))


def _rates(run: Run, size: Sizes) -> tuple[float, float, float, int]:
    record = run.record
    assert record is not None  # as of every finished run
    todo = work(run.config, size)
    seconds = record.step_seconds
    encode = seconds[0] / todo.encoded[1]
    masked = max(0.0, sum(seconds[1:]) - encode * sum(todo.encoded[2:]))
    start = max(0.0, record.seconds - sum(seconds) - encode * todo.encoded[0])
    beside = max(0, record.peak_memory_bytes - todo.tensors)
    return masked / max(1, todo.iterations), encode, start, beside
