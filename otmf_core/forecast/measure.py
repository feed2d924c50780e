"""Rates of a merge's work on this device, measured on a few real iterations and a few real examples."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

import psutil
import torch

from otmf_core.config import MergeConfig
from otmf_core.forecast.sizes import sizes
from otmf_core.forecast.work import EARLIER, Estimate, Rates, extrapolate, length, model_bytes
from otmf_core.library.library import Library
from otmf_core.methods.context import Calibration, Context, Learning
from otmf_core.models.base import Tower
from otmf_core.models.device import peak_memory, reset_peak_memory, resolve
from otmf_core.models.inputs import ENCODE_BATCH
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.spaces import ClassVectors

WARM_UP, TIMED = 2, 4  # iterations, of each kind where they take turns
IMAGES = 2 * ENCODE_BATCH  # calibration images decoded and encoded, at most
TASKS = 1 + EARLIER  # at most, of the iterations that are measured
SAMPLING_SECONDS = 0.005


def estimate(config: MergeConfig, library: Library) -> Estimate:
    """Seconds and peak bytes of this merge, measured on its device; raises InputError on a damaged library."""
    return extrapolate(config, sizes(library, config), measure(config, library))


def measure(config: MergeConfig, library: Library) -> Rates:
    """The rates of `config`'s settings on its device: real task vectors, images and iterations; nothing is written.

    A second or two where an iteration takes milliseconds. Raises InputError on a damaged library or an absent device.
    """
    device = resolve(config.device)
    iteration, text = 0.0, ""
    with _peak(device) as peak:
        began = time.monotonic()
        tower = library.tower(device, config.text_features, config.text_precision)
        start = time.monotonic() - began
        method = config.method
        read = config.tasks[: TASKS if method.joint else 2]
        vectors = tuple(_to(library.task_vector(task), device) for task in read)
        state = method.begin(vectors[0], Context(step=1, seed=config.seed, vectors=vectors[:1]))
        incoming, vectors = vectors[-1], vectors if method.joint else ()
        decode, encode = _images(config, library, method.deployed(state, tower))
        if method.iterations_per_fusion:
            context = replace(_context(config, library, tower, Path()), vectors=vectors)
            iteration = _iteration(method.iterate(state, incoming, context), method.turns)
            text = f"{iteration * 1000:.0f} ms an iteration, "
            iteration /= length(method, min(TASKS, len(config.tasks)) - 1)
        else:
            with TemporaryDirectory() as results:
                context = Context(step=len(read), seed=config.seed, vectors=vectors)
                if config.reads_examples:
                    context = replace(_context(config, library, tower, Path(results)), vectors=vectors)
                began = time.monotonic()
                method.fuse(state, incoming, context)
                iteration = time.monotonic() - began
            text = f"{iteration * 1000:,.0f} ms a fusion, "
    parameters = sum(tensor.numel() for tensor in tower.weights().values())
    beside = max(0, peak[0] - model_bytes(config, parameters))
    text += f"{1 / encode:,.0f} {library.noun}/s"
    return Rates(iteration, encode, decode, start, beside, f"measured on {device}: {text}")


@contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """One number of bytes, there when the block ends: the most that was held in it, by the device or this process."""
    peak = [0]
    if device.type == "cuda":
        reset_peak_memory(device)
        yield peak
        peak[0] = peak_memory(device)
        return
    process, over = psutil.Process(), threading.Event()

    def watch() -> None:
        while not over.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            over.wait(SAMPLING_SECONDS)

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _context(config: MergeConfig, library: Library, tower: Tower, results: Path) -> Context:
    """The step that takes in the last of the first few tasks, as far as its iterations look at it."""
    tasks = config.tasks[:TASKS]
    heads = [library.head(task) for task in tasks]
    learning = Learning(
        tower=tower,
        calibration=_calibration(config, library, tower),
        class_vectors=ClassVectors([head._replace(weight=head.weight.to(tower.device)) for head in heads]),
        results=results,
        unfinished=Path(),
        save_seconds=float("inf"),
        report=lambda iteration, row, seconds: None,
        should_stop=lambda: False,
    )
    return Context(len(tasks), config.seed, learning)


def _to(delta: StateDict, device: torch.device) -> StateDict:
    return {name: tensor.to(device) for name, tensor in delta.items()}


def _images(config: MergeConfig, library: Library, tower: Tower) -> tuple[float, float]:
    """Seconds to decode and to encode an image, which a test image takes too."""
    began = time.monotonic()
    inputs = library.examples(config.tasks[0], "calibration", IMAGES).inputs
    decoded = time.monotonic()
    tower.features(inputs, config.tasks[0]).sum().item()  # a first time, not measured; the sum waits for the device
    encoding = time.monotonic()
    tower.features(inputs, config.tasks[0]).sum().item()
    return (decoded - began) / len(inputs), (time.monotonic() - encoding) / len(inputs)


def _calibration(config: MergeConfig, library: Library, tower: Tower) -> list[Calibration]:
    """As many images of each task as a batch can draw: of all but the last two, at most those that are kept."""
    tasks, batch, kept = config.tasks[:TASKS], config.method.batch_examples, config.method.kept_examples
    calibration = []
    for number, task in enumerate(tasks):
        first = batch if number >= len(tasks) - 2 else min(batch, kept)
        if first:
            inputs = library.examples(task, "calibration", first).inputs
            calibration.append(Calibration(inputs, tower.features(inputs, task)))
        else:
            calibration.append(Calibration())
    return calibration


def _iteration(iterations: Iterator[object], kinds: int) -> float:
    """Seconds of an iteration, the mean over kinds that take turns."""
    spans = []
    began = time.monotonic()
    for _ in islice(iterations, kinds * (WARM_UP + TIMED)):
        now = time.monotonic()
        spans.append(now - began)
        began = now
    timed = spans[-kinds * TIMED :]
    return fmean(median(timed[kind::kinds]) for kind in range(kinds))
