"""OTMF (arXiv 2511.19561): masks over the merged and the incoming task vector, learned by optimal transport.

Equation numbers are the paper's, as in `masks` and `transport`. Nothing here reads a label.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from otmf_core.config import MergeConfig
from otmf_core.errors import Interrupted
from otmf_core.files import write_tensors
from otmf_core.masks.element import SIDES, ElementMasks, MaskPair
from otmf_core.masks.report import mask_mean, write_report
from otmf_core.methods.context import Context
from otmf_core.models.checkpoints import read_metadata, read_tensors
from otmf_core.models.task_vector import StateDict, scaled
from otmf_core.transport.losses import sinkhorn

GROUPS = 4  # earlier tasks in one mini-batch; transport is solved for each
STATISTICS_EVERY = 10  # optimisation steps between two reports of mask means
SAVING_SHARE = 0.05  # of the time may go into saving the state of an unfinished step

Batch = tuple[np.ndarray, np.ndarray]  # tasks (b,), image indices (b, n)
Family = Callable[[StateDict, StateDict, StateDict, float], MaskPair]  # of θ⁰, Δ_pre, Δ_post, α


def first(delta: StateDict, config: MergeConfig) -> StateDict:
    """Δ_m⁽¹⁾ = Δ¹."""
    return scaled(delta, 1.0)


def step(
    base: StateDict, pre: StateDict, post: StateDict, context: Context, family: Family = ElementMasks
) -> StateDict:
    """Δ_m = α·(M_pre ⊙ Δ_pre) + (1−α)·(M_post ⊙ Δ_post), equation (1), with the masks of this step's transport.

    Raises Interrupted, within one optimisation step, after saving what the step resumes from, and InputError when what
    the encoder puts out is no longer finite.
    """
    config, encoder = context.config, context.tower.module
    teachers = _teachers(pre, context)
    masks = family(base, pre, post, config.alpha)
    curves = _resume(masks, context)
    model = context.tower.weights()
    masks.apply(model)

    loss = sinkhorn(config.p, config.blur)
    # L_pre is a mean over tasks: as many of it as tasks it stands for, so that each task weighs the same
    weighs = {"pre": sum(1 for seen in context.calibration[:-1] if len(seen)), "post": 1}
    batches = list(draw_batches([len(seen) for seen in context.calibration], config, context.step))
    hooks = [
        parameter.register_post_accumulate_grad_hook(_consumer(masks, name, model[name]))
        for name, parameter in encoder.named_parameters()
    ]
    saved, saving = time.monotonic(), 0.0
    try:
        for iteration in range(len(curves), config.steps):
            overdue = time.monotonic() - saved >= max(config.checkpoint_seconds, saving / SAVING_SHARE)
            stop = context.should_stop()
            if stop or (overdue and iteration):
                began = time.monotonic()
                _save(masks, curves, context)
                saved, saving = time.monotonic(), time.monotonic() - began
            if stop:
                context.emit({"type": "stopped", "step": context.step, "iteration": iteration})
                raise Interrupted(f"stopped at step {context.step}, iteration {iteration} of {config.steps}")
            began = time.monotonic()
            sides = {side: batch for side, batch in batches[iteration].items() if batch is not None}
            losses = _losses(sides, teachers, context, loss)
            masks.begin(tuple(sides), _rate(config, iteration))
            torch.stack([weighs[side] * value for side, value in losses.items()]).sum().backward()
            masks.finish(model)
            curves.append(_report(iteration, losses, masks, model, time.monotonic() - began, context))
    finally:
        for hook in hooks:
            hook.remove()
        encoder.zero_grad(set_to_none=True)
    _save(masks, curves, context)  # what follows, evaluation say, may be interrupted too
    merged = masks.merged()
    write_report(context.results, masks, model, curves)
    return merged


def _teachers(pre: StateDict, context: Context) -> list[Tensor | None]:
    """Teacher features of each task, constants of this step; where none were kept, of θ⁰ + Δ_pre, equation (3)."""
    teachers = [seen.teacher for seen in context.calibration]
    previous = context.calibration[-2]
    if previous.teacher is None and previous.inputs is not None:
        context.tower.load(pre)
        teachers[-2] = context.tower.features(previous.inputs)
    return teachers


def draw_batches(sizes: list[int], config: MergeConfig, step: int) -> Iterator[dict[str, Batch | None]]:
    """The mini-batches of a fusion, all drawn from (seed, step) alone, so that a resumed step sees the same ones.

    `sizes[i]` images can be seen of task i, the incoming one last; tasks of size 0 are not drawn. The pre side holds up
    to four earlier tasks with equally many images each. In the alternating scheme one side is None.
    """
    random = np.random.default_rng([config.seed, step])
    earlier = np.array([task for task, size in enumerate(sizes[:-1]) if size])
    groups = min(GROUPS, len(earlier))
    each = min(max(2, config.batch // groups), min(sizes[task] for task in earlier))
    for iteration in range(config.steps):
        tasks = np.sort(random.permutation(earlier)[:groups])
        pre = (tasks, np.stack([random.permutation(sizes[task])[:each] for task in tasks]))
        post = (np.array([len(sizes) - 1]), random.permutation(sizes[-1])[None, : config.batch])
        if config.update == "joint":
            yield {"pre": pre, "post": post}
        else:  # even steps train M_pre, odd steps M_post
            yield {"pre": pre, "post": None} if iteration % 2 == 0 else {"pre": None, "post": post}


def _losses(sides: dict[str, Batch], teachers: list, context: Context, loss) -> dict[str, Tensor]:
    """L_pre and L_post, equations (3) and (4), from one forward pass over all images of the step."""
    parts = []
    for tasks, rows in sides.values():
        for task, own in zip(tasks, rows, strict=True):
            inputs = context.calibration[task].inputs
            assert inputs is not None  # tasks without examples are not drawn
            parts.append(inputs[own])
    features = context.tower.encode(context.tower.join(parts))
    losses, start = {}, 0
    for side, (tasks, index) in sides.items():
        merged = features[start : start + index.size].view(*index.shape, -1)  # (b, n, d)
        start += index.size
        teacher = torch.stack([teachers[task][i] for task, i in zip(tasks, index, strict=True)])
        at = torch.from_numpy(tasks).to(context.tower.device)
        space = context.config.space
        losses[side] = loss(context.heads.outputs(merged, at, space), context.heads.outputs(teacher, at, space))
    return losses


def _consumer(masks: MaskPair, name: str, weight: Tensor):
    def consume(parameter: torch.nn.Parameter) -> None:
        gradient, parameter.grad = parameter.grad, None
        if gradient is not None:
            masks.consume(name, gradient.contiguous(), weight)

    return consume


def _rate(config: MergeConfig, iteration: int) -> float:
    if config.schedule == "constant":
        return config.lr
    return config.lr * (1 + math.cos(math.pi * iteration / config.steps)) / 2


def _report(
    iteration: int, losses: dict[str, Tensor], masks: MaskPair, model: StateDict, seconds: float, context: Context
) -> dict:
    """One row of the loss curves, and the event that carries it."""
    row: dict = {"iteration": iteration}
    row |= {f"loss_{side}": losses[side].item() if side in losses else None for side in SIDES}
    reported = iteration % STATISTICS_EVERY == 0 or iteration == context.config.steps - 1
    row |= {f"mask_{side}_mean": mask_mean(masks, side, model) if reported else None for side in SIDES}
    place = {"step": context.step, "of": context.config.steps, "step_seconds": seconds}
    context.emit({"type": "mask_step", **row, **place})
    return row


def _save(masks: MaskPair, curves: list[dict], context: Context) -> None:
    write_tensors(context.within, masks.state(), {"step": str(context.step), "curves": json.dumps(curves)})


def _resume(masks: MaskPair, context: Context) -> list[dict]:
    """Load the state of this step if it was left unfinished; returns its loss curves so far."""
    if not context.within.is_file():
        return []
    metadata = read_metadata(context.within)
    if metadata.get("step") != str(context.step):
        return []
    masks.load(read_tensors(context.within))
    return json.loads(metadata["curves"])
