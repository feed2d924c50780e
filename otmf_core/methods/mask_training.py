"""The training of masks that OTMF runs in every fusion, equations (1) to (4) of arXiv 2511.19561. Reads no label."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from otmf_core import layout
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import write_tensors
from otmf_core.masks.base import MaskPair
from otmf_core.masks.families import FAMILIES
from otmf_core.masks.measures import SIDES
from otmf_core.masks.report import mask_mean, write_report
from otmf_core.methods.context import Context, Learning
from otmf_core.methods.otmf import Otmf
from otmf_core.models.checkpoints import read_metadata, read_tensors
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.losses import LOSSES, Loss

GROUPS = 4  # earlier tasks in one mini-batch; transport is solved for each
STATISTICS_EVERY = 10  # iterations between two reports of mask means
SAVING_SHARE = 0.05  # of the time may go into saving the state of an unfinished fusion

Batch = tuple[np.ndarray, np.ndarray]  # tasks (b,), image indices (b, n)
Row = dict[str, float | None]  # of the loss curves


def fuse(settings: Otmf, pre: StateDict, post: StateDict, context: Context) -> StateDict:
    """Δ_m = α·(M_pre ⊙ Δ_pre) + (1−α)·(M_post ⊙ Δ_post), equation (1), with the masks that this fusion learns.

    Raises Interrupted, within one iteration, after saving what the fusion resumes from, and InputError when what the
    network puts out is no longer finite.
    """
    learning = _learning(context)
    masks = new_masks(settings, pre, post, context)
    curves = _resume(masks, context)
    saved, saving = time.monotonic(), 0.0
    with closing(train(settings, masks, len(curves), context)) as rows:
        while len(curves) < settings.iterations:
            overdue = time.monotonic() - saved >= max(learning.save_seconds, saving / SAVING_SHARE)
            stop = learning.should_stop()
            if stop or (overdue and curves):
                began = time.monotonic()
                _save(masks, curves, context)
                saved, saving = time.monotonic(), time.monotonic() - began
            if stop:
                raise Interrupted(
                    f"stopped at step {context.step}, iteration {len(curves)} of {settings.iterations}", len(curves)
                )
            began = time.monotonic()
            row = next(rows)
            curves.append(row)
            learning.report(len(curves) - 1, row, time.monotonic() - began)
    _save(masks, curves, context)  # what follows, evaluation say, may be interrupted too
    merged = masks.merged()
    write_report(learning.results, masks, learning.tower.weights(), curves)
    return merged


def new_masks(settings: Otmf, pre: StateDict, post: StateDict, context: Context) -> MaskPair:
    """The masks of a fusion before its first iteration, all one."""
    return FAMILIES[settings.masks](_learning(context).tower.base, pre, post, settings.alpha)


def train(settings: Otmf, masks: MaskPair, done: int, context: Context) -> Generator[Row, None, None]:
    """Train the masks, one iteration for each row of the loss curves that is asked for, after `done` of them."""
    learning = _learning(context)
    tower = learning.tower
    teachers = _teachers(masks, learning)
    weights = tower.weights()
    masks.apply(weights)
    loss = LOSSES[settings.loss](settings.p, settings.blur)
    # L_pre is a mean over tasks: as many of it as tasks it stands for, so that each task weighs the same
    weighs = {"pre": sum(1 for seen in learning.calibration[:-1] if len(seen)), "post": 1}
    sizes = [len(seen) for seen in learning.calibration]
    batches = list(draw_batches(sizes, settings, context.seed, context.step))
    hooks = [
        parameter.register_post_accumulate_grad_hook(_consumer(masks, name, weights[name]))
        for name, parameter in tower.module.named_parameters()
    ]
    try:
        for iteration in range(done, settings.iterations):
            sides = {side: batch for side, batch in batches[iteration].items() if batch is not None}
            losses = _losses(sides, teachers, settings.space, learning, loss)
            masks.begin(tuple(sides), _rate(settings, iteration))
            torch.stack([weighs[side] * value for side, value in losses.items()]).sum().backward()
            masks.finish(weights)
            yield _row(iteration, losses, masks, weights, settings)
    finally:
        for hook in hooks:
            hook.remove()
        tower.module.zero_grad(set_to_none=True)


def draw_batches(sizes: list[int], settings: Otmf, seed: int, step: int) -> Iterator[dict[str, Batch | None]]:
    """The mini-batches of a fusion, all drawn from (seed, step) alone, so that a resumed step sees the same ones.

    `sizes[i]` images can be seen of task i, the incoming one last; tasks of size 0 are not drawn. The pre side holds up
    to four earlier tasks with equally many images each. In the alternating scheme one side is None.
    """
    random = np.random.default_rng([seed, step])
    earlier = np.array([task for task, size in enumerate(sizes[:-1]) if size])
    groups = min(GROUPS, len(earlier))
    each = min(max(2, settings.batch // groups), min(sizes[task] for task in earlier))
    for iteration in range(settings.iterations):
        tasks = np.sort(random.permutation(earlier)[:groups])
        pre = (tasks, np.stack([random.permutation(sizes[task])[:each] for task in tasks]))
        post = (np.array([len(sizes) - 1]), random.permutation(sizes[-1])[None, : settings.batch])
        if settings.update == "joint":
            yield {"pre": pre, "post": post}
        else:  # even iterations train M_pre, odd ones M_post
            yield {"pre": pre, "post": None} if iteration % 2 == 0 else {"pre": None, "post": post}


@torch.no_grad()
def fused(pre: StateDict, post: StateDict, folder: Path, alpha: float) -> StateDict:
    """Δ_m of equation (1) from the masks that a fusion left in `folder`."""
    path = folder / layout.MASKS
    masks = {side: read_tensors(path, prefix=f"{side}.") for side in SIDES}
    for side in SIDES:
        missing = sorted(pre.keys() - masks[side].keys())
        if missing:
            raise InputError(f"a fusion keeps a mask of every tensor: {side}.{missing[0]} is missing in {path}")
    return {
        name: alpha * (masks["pre"][name].float() * pre[name])
        + (1 - alpha) * (masks["post"][name].float() * post[name].float())
        for name in pre
    }


def _learning(context: Context) -> Learning:
    assert context.learning is not None  # as for every method that reads examples
    return context.learning


def _teachers(masks: MaskPair, learning: Learning) -> list[Tensor | None]:
    """Teacher features of each task, constants of a fusion; where none were kept, of θ⁰ + Δ_pre, equation (3)."""
    teachers = [seen.teacher for seen in learning.calibration]
    previous = learning.calibration[-2]
    if previous.teacher is None and previous.inputs is not None:
        learning.tower.load(masks.delta["pre"])
        teachers[-2] = learning.tower.features(previous.inputs, "the previous task")
    return teachers


def _losses(
    sides: dict[str, Batch], teachers: list[Tensor | None], space: str, learning: Learning, loss: Loss
) -> dict[str, Tensor]:
    """L_pre and L_post, equations (3) and (4), from one forward pass over all images of the iteration."""
    images, targets = [], []
    for tasks, rows in sides.values():
        for task, own in zip(tasks, rows, strict=True):
            inputs, teacher = learning.calibration[task].inputs, teachers[task]
            assert inputs is not None and teacher is not None  # tasks without examples are not drawn
            images.append(inputs[own])
            targets.append(teacher[own])
    features = learning.tower.encode(learning.tower.join(images))
    losses, start, first = {}, 0, 0
    for side, (tasks, rows) in sides.items():
        merged = features[start : start + rows.size].view(*rows.shape, -1)  # (b, n, d)
        teacher = torch.stack(targets[first : first + len(tasks)])
        start, first = start + rows.size, first + len(tasks)
        at = torch.from_numpy(tasks).to(learning.tower.device)
        outputs = learning.class_vectors.outputs
        losses[side] = loss(outputs(merged, at, space), outputs(teacher, at, space))
    return losses


def _consumer(masks: MaskPair, name: str, weight: Tensor):
    def consume(parameter: torch.nn.Parameter) -> None:
        gradient, parameter.grad = parameter.grad, None
        if gradient is not None:
            masks.consume(name, gradient.contiguous(), weight)

    return consume


def _rate(settings: Otmf, iteration: int) -> float:
    if settings.schedule == "constant":
        return settings.lr
    return settings.lr * (1 + math.cos(math.pi * iteration / settings.iterations)) / 2


def _row(iteration: int, losses: dict[str, Tensor], masks: MaskPair, weights: StateDict, settings: Otmf) -> Row:
    row: Row = {"iteration": iteration}
    row |= {f"loss_{side}": losses[side].item() if side in losses else None for side in SIDES}
    reported = iteration % STATISTICS_EVERY == 0 or iteration == settings.iterations - 1
    return row | {f"mask_{side}_mean": mask_mean(masks, side, weights) if reported else None for side in SIDES}


def _save(masks: MaskPair, curves: list[Row], context: Context) -> None:
    metadata = {"step": str(context.step), "curves": json.dumps(curves)}
    write_tensors(_learning(context).unfinished, masks.state(), metadata)


def _resume(masks: MaskPair, context: Context) -> list[Row]:
    """Load the state of this fusion if it was left unfinished; returns its loss curves so far."""
    unfinished = _learning(context).unfinished
    if not unfinished.is_file():
        return []
    metadata = read_metadata(unfinished)
    if metadata.get("step") != str(context.step):
        return []
    masks.load(read_tensors(unfinished))
    return json.loads(metadata["curves"])
