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
from otmf_core.methods.context import ENCODE_BATCH, Context, Event, View
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.models.device import peak_memory, reset_peak_memory, resolve
from otmf_core.models.task_vector import StateDict, apply, weights
from otmf_core.transport.losses import ClassVectors

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
        base = {name: tensor.to(device) for name, tensor in library.base().items()}
        context = _context(config, library, device)
        start = time.monotonic() - began
        tasks = config.tasks[: otmf.GROUPS + 1]
        first, post = (_to(library.task_vector(task, base), device) for task in tasks[:2])
        pre = METHODS[config.method].first(first, config)
        del first
        apply(context.encoder, base, pre)
        decode, encode = _images(context, library)
        if config.reads_images:
            mask_step = _mask_step(replace(context, views=_views(context, library)), base, pre, post)
            said = f"{mask_step * 1000:.0f} ms a mask step, "
    tower = sum(tensor.numel() for tensor in weights(context.encoder).values())
    beside = max(0, peak[0] - model_bytes(config, tower))
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


def _context(config: MergeConfig, library: Library, device: torch.device) -> Context:
    backbone = library.backbone_config
    tasks = config.tasks[: otmf.GROUPS + 1]
    heads = [(weight.to(device), scale) for weight, scale in map(library.head, tasks)]
    return Context(
        config=config,
        step=len(tasks),
        device=device,
        encoder=build_encoder(backbone).to(device),
        preprocess=lambda pixels: preprocess(pixels, backbone),
        views=[],
        heads=ClassVectors(heads),
        within=Path(),
        results=Path(),
        emit=lambda event: None,
        should_stop=lambda: False,
    )


def _to(delta: StateDict, device: torch.device) -> StateDict:
    return {name: tensor.to(device) for name, tensor in delta.items()}


def _images(context: Context, library: Library) -> tuple[float, float]:
    """Seconds to decode and to encode an image, which a test image takes too."""
    began = time.monotonic()
    pixels = library.images(context.config.tasks[0], "calibration", IMAGES).pixels
    decoded = time.monotonic()
    context.features(pixels).sum().item()  # a first time, not measured; the sum waits for the device
    encoding = time.monotonic()
    context.features(pixels).sum().item()
    return (decoded - began) / len(pixels), (time.monotonic() - encoding) / len(pixels)


def _views(context: Context, library: Library) -> list[View]:
    """As many images of each task as a batch can draw: of all but the last two, at most those that memory keeps."""
    config, views = context.config, []
    tasks = config.tasks[: context.step]
    for place, task in enumerate(tasks):
        first = config.batch if place >= len(tasks) - 2 else min(config.batch, config.memory)
        if first:
            pixels = library.images(task, "calibration", first).pixels
            views.append(View(pixels, context.features(pixels)))
        else:
            views.append(View(torch.empty(0, dtype=torch.uint8), None))
    return views


class _Enough(Exception):
    """The mask steps that were asked for have been taken."""


def _mask_step(context: Context, base: StateDict, pre: StateDict, post: StateDict) -> float:
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
        otmf.step(base, pre, post, replace(context, config=config, emit=emit))
    spans = [later - earlier for earlier, later in pairwise(moments)][-kinds * TIMED :]
    return fmean(median(spans[kind::kinds]) for kind in range(kinds))
