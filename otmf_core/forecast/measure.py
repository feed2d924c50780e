"""What a merge's work takes on this device, from a few real mask steps and a few real images."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

import psutil
import torch

from otmf_core.config import MergeConfig
from otmf_core.forecast.sizes import sizes
from otmf_core.forecast.work import Estimate, Rates, extrapolate, model_bytes
from otmf_core.library.library import Library
from otmf_core.methods import METHODS, otmf
from otmf_core.methods.context import Calibration, Context, Event
from otmf_core.models.base import ENCODE_BATCH, Tower
from otmf_core.models.device import peak_memory, reset_peak_memory, resolve
from otmf_core.models.heads import Head
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.spaces import ClassVectors

WARM_UP, TIMED = 2, 4  # mask steps, of each kind where the sides take turns
IMAGES = 2 * ENCODE_BATCH  # calibration images decoded and encoded, at most
SAMPLING_SECONDS = 0.005


def estimate(config: MergeConfig, library: Library) -> Estimate:
    """Seconds and peak bytes of this merge, measured on its device; raises InputError on a damaged library."""
    return extrapolate(config, sizes(library, config), measure(config, library))


def measure(config: MergeConfig, library: Library) -> Rates:
    """The rates of `config`'s settings on its device: real task vectors, images and mask steps; nothing is written.

    A second or two where a mask step takes milliseconds. Raises InputError on a damaged library or an absent device.
    """
    device = resolve(config.device)
    mask_step, said = 0.0, ""
    with _peak(device) as peak:
        began = time.monotonic()
        tower = library.tower(device)
        context = _context(config, library, tower)
        start = time.monotonic() - began
        first, post = (_to(library.task_vector(task), device) for task in config.tasks[:2])
        pre = METHODS[config.method].first(first, config)
        del first
        tower.load(pre)
        decode, encode = _images(config, library, tower)
        if config.reads_images:
            mask_step = _mask_step(replace(context, calibration=_calibration(context, library)), pre, post)
            said = f"{mask_step * 1000:.0f} ms a mask step, "
    parameters = sum(tensor.numel() for tensor in tower.base.values())
    beside = max(0, peak[0] - model_bytes(config, parameters))
    return Rates(mask_step, encode, decode, start, beside, f"measured on {device}: {said}{1 / encode:,.0f} images/s")


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


def _context(config: MergeConfig, library: Library, tower: Tower) -> Context:
    tasks = config.tasks[: otmf.GROUPS + 1]
    heads = [Head(weight.to(tower.device), scale) for weight, scale in map(library.head, tasks)]
    return Context(
        config=config,
        step=len(tasks),
        tower=tower,
        calibration=[],
        heads=ClassVectors(heads),
        within=Path(),
        results=Path(),
        emit=lambda event: None,
        should_stop=lambda: False,
    )


def _to(delta: StateDict, device: torch.device) -> StateDict:
    return {name: tensor.to(device) for name, tensor in delta.items()}


def _images(config: MergeConfig, library: Library, tower: Tower) -> tuple[float, float]:
    """Seconds to decode and to encode an image, which a test image takes too."""
    began = time.monotonic()
    inputs = library.examples(config.tasks[0], "calibration", IMAGES).inputs
    decoded = time.monotonic()
    tower.features(inputs).sum().item()  # a first time, not measured; the sum waits for the device
    encoding = time.monotonic()
    tower.features(inputs).sum().item()
    return (decoded - began) / len(inputs), (time.monotonic() - encoding) / len(inputs)


def _calibration(context: Context, library: Library) -> list[Calibration]:
    """As many images of each task as a batch can draw: of all but the last two, at most those that memory keeps."""
    config, calibration = context.config, []
    tasks = config.tasks[: context.step]
    for number, task in enumerate(tasks):
        first = config.batch if number >= len(tasks) - 2 else min(config.batch, config.memory)
        if first:
            inputs = library.examples(task, "calibration", first).inputs
            calibration.append(Calibration(inputs, context.tower.features(inputs)))
        else:
            calibration.append(Calibration())
    return calibration


class _Enough(Exception):
    """The mask steps that were asked for have been taken."""


def _mask_step(context: Context, pre: StateDict, post: StateDict) -> float:
    """Seconds of a mask step: the method's own, left before it writes anything."""
    kinds = 2 if context.config.update == "alternating" else 1
    steps = kinds * (WARM_UP + TIMED)
    config = context.config.model_copy(update={"steps": steps, "checkpoint_seconds": float("inf")})
    moments: list[float] = []

    def emit(event: Event) -> None:
        moments.append(time.monotonic())
        if len(moments) == steps:
            raise _Enough

    with suppress(_Enough):
        otmf.step(context.tower.base, pre, post, replace(context, config=config, emit=emit))
    spans = [later - earlier for earlier, later in pairwise(moments)][-kinds * TIMED :]
    return fmean(median(spans[kind::kinds]) for kind in range(kinds))
