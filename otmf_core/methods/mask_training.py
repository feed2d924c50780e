"""The training of masks that OTMF runs in every fusion, equations (1) to (4) of arXiv 2511.19561. Reads no label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.masks.base import MaskPair, shares
from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.masks.learned_shares import LearnedShares
from otmf_core.masks.measures import SIDES
from otmf_core.masks.report import mask_mean, read_factors, write_report
from otmf_core.methods.batches import Batch, draw_batches
from otmf_core.methods.context import Context, Learning
from otmf_core.methods.iterating import Row, keep_merged, kept_merged, learning_of
from otmf_core.methods.nufilt import filtered
from otmf_core.methods.objectives import alignments, loss_of, side_weights, teachers_of
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.retention import factors
from otmf_core.methods.training import Plan, decaying, learn
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict

STATISTICS_EVERY = 10  # iterations between two reports of mask means
CANDIDATES = (0.5, 0.6, 0.7, 0.8, 0.9)  # of α, where the data choose it
LOOKED_AT = 16  # inputs of every task that they choose it by


def fuse(settings: Otmf, pre: StateDict, post: StateDict, context: Context) -> StateDict:
    """Δ_m = α·(M_pre ⊙ Δ_pre) + (1−α)·(M_post ⊙ Δ_post), equation (1), with the masks that this fusion learns.

    Δ_m itself is kept where it does not follow from the masks and the vectors. Raises Interrupted, within one
    iteration, after saving what the fusion resumes from, and InputError when what the network puts out is no longer
    finite.
    """
    learning = learning_of(context)
    masks, plan = training(settings, pre, post, context)
    merged = learn(masks, plan, context)
    write_report(learning.results, masks, learning.tower.weights())
    if not masks.of_weights or settings.start == "filtered":
        keep_merged(learning.results, merged)
    return merged


def new_masks(settings: Otmf, pre: StateDict, post: StateDict, context: Context) -> MaskPair:
    """The masks of a fusion before its first iteration, all one, over the vectors that it starts from."""
    tower = learning_of(context).tower
    if settings.start == "filtered":
        post = filtered(pre, post, settings.filter_share)
    factor = factors(settings.alpha_rule, settings.alpha, pre, post, context.step)
    draw = (context.seed, context.step)
    learned = settings.alpha_rule == "learned"
    together = settings.update == "joint" and not learned
    masks = FAMILIES[settings.masks](Fusion(tower.base, pre, post, factor, tower.attention_heads, draw, together))
    masks.momentum = settings.momentum
    return LearnedShares(masks) if learned else masks


def training(settings: Otmf, pre: StateDict, post: StateDict, context: Context) -> tuple[MaskPair, Plan]:
    """The masks of a fusion, all one, and the iterations that train them."""
    learning = learning_of(context)
    masks = new_masks(settings, pre, post, context)
    teachers = teachers_of(learning, masks.delta["pre"])
    drawn = batches_of(settings, [len(seen) for seen in learning.calibration], context.seed, context.step)
    batches = [{side: batch for side, batch in sides.items() if batch is not None} for sides in drawn]

    def losses(iteration: int, sides: Mapping[str, Batch]) -> dict[str, Tensor]:
        return alignments(sides, teachers, settings, learning, loss_of(settings, context, iteration))

    if settings.alpha_rule == "auto":
        choose_alpha(masks, (*CANDIDATES, (context.step - 1) / context.step), learning, partial(losses, 0))

    def columns(iteration: int) -> Row:
        row: Row = {}
        if settings.alpha_rule in ("learned", "auto"):
            row |= {f"coefficient_{side}": masks.factor[side] for side in SIDES}
        reported = iteration % STATISTICS_EVERY == 0 or iteration == settings.iterations - 1
        weights = learning.tower.weights() if reported else {}
        return row | {f"mask_{side}_mean": mask_mean(masks, side, weights) if reported else None for side in SIDES}

    rate = decaying(settings.lr, settings.iterations) if settings.schedule == "cosine" else lambda _: settings.lr
    return masks, Plan(batches, losses, rate, columns)


@torch.no_grad()
def choose_alpha(
    masks: MaskPair,
    candidates: Sequence[float],
    learning: Learning,
    losses: Callable[[Mapping[str, Batch]], Mapping[str, Tensor]],
) -> None:
    """Give the masks that α whose Δ_m has the least loss before they are trained, on the first inputs of every task."""
    sizes = [len(seen) for seen in learning.calibration]
    rows = np.arange(min(LOOKED_AT, *(size for size in sizes if size)))
    earlier = np.array([task for task, size in enumerate(sizes[:-1]) if size])
    sides = {"pre": (earlier, np.tile(rows, (len(earlier), 1))), "post": (np.array([len(sizes) - 1]), rows[None])}
    weighs = side_weights(learning)

    def loss(alpha: float) -> float:
        masks.factor = shares(alpha)
        masks.apply(learning.tower.weights())
        return sum(weighs[side] * value.item() for side, value in losses(sides).items())

    masks.factor = shares(min(candidates, key=loss))


def batches_of(settings: Otmf, sizes: list[int], seed: int, step: int) -> Iterator[dict[str, Batch | None]]:
    """The mini-batches of a fusion with these settings."""
    in_turns = settings.update == "alternating"
    return draw_batches(
        sizes,
        iterations=settings.iterations,
        batch=settings.batch,
        seed=seed,
        step=step,
        in_turns=in_turns,
        batch_earlier=settings.batch_earlier,
    )


@torch.no_grad()
def fused(pre: StateDict, post: StateDict, folder: Path, alpha: float) -> StateDict:
    """Δ_m of equation (1) from the masks that a fusion left in `folder`, or, where it was kept, Δ_m itself.

    `alpha` is that of runs of version 0.1.0, which did not keep the factors beside the masks.
    """
    if (folder / layout.MERGED).is_file():
        return kept_merged(folder)
    path = folder / layout.MASKS
    masks = {side: read_tensors(path, prefix=f"{side}.") for side in SIDES}
    for side in SIDES:
        missing = sorted(pre.keys() - masks[side].keys())
        if missing:
            raise InputError(f"a fusion keeps a mask of every tensor: {side}.{missing[0]} is missing in {path}")
    factor = read_factors(path) or shares(alpha)
    return {
        name: factor["pre"] * (masks["pre"][name].float() * pre[name])
        + factor["post"] * (masks["post"][name].float() * post[name].float())
        for name in pre
    }
