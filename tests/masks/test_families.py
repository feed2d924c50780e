"""Masks by row, by tensor, by task and of low rank, driven by OTMF's own loop, against masks in an autograd graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from otmf_core.masks import families
from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import SIDES
from otmf_core.masks.row import RowMasks
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.methods.mask_training import batches_of
from otmf_core.methods.otmf import Otmf
from otmf_core.models.clip import preprocess
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.losses import Cost, alignment
from tests.fusion import context_of, random_vectors
from tests.tiny import CONFIG


class Scales(MaskPair):
    """A family whose masks `grow` from parameters of any shape.

    Gradients are gathered in `consume` and weights written in `finish`, as families that span several weights have to.
    """

    def __init__(self, base: StateDict, pre: StateDict, post: StateDict, alpha: float) -> None:
        super().__init__(base, pre, post, alpha)
        self.parameters = {side: self.start() for side in SIDES}
        self.optimisers: dict[tuple[str, ...], torch.optim.Adam] = {}

    def start(self) -> dict[str, Tensor]:
        raise NotImplementedError

    def grow(self, parameters: dict[str, Tensor], name: str) -> Tensor:
        raise NotImplementedError

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        trained = [p.requires_grad_() for side in sides for p in self.parameters[side].values()]
        self.sides = sides
        self.optimiser = self.optimisers.setdefault(sides, torch.optim.Adam(trained))
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.zero_grad()

    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        for side in self.sides:
            gradient = self.factor[side] * self.delta[side][name].float() * grad
            with torch.enable_grad():  # the engine calls from within its backward pass
                self.grow(self.parameters[side], name).expand_as(grad).backward(gradient)

    @torch.no_grad()
    def finish(self, weights: StateDict) -> None:
        self.optimiser.step()
        self.apply(weights)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        delta = self.merged()
        for name, weight in weights.items():
            torch.add(self.base[name], delta[name], out=weight)

    @torch.no_grad()
    def mask(self, side: str, name: str) -> Tensor:
        return self.grow(self.parameters[side], name)

    @torch.no_grad()
    def merged(self) -> StateDict:
        def part(side: str, name: str) -> Tensor:
            return self.factor[side] * self.mask(side, name) * self.delta[side][name].float()

        return {name: part("pre", name) + part("post", name) for name in self.base}

    def state(self) -> StateDict:
        return {f"{side}/{key}": p.detach() for side in SIDES for key, p in self.parameters[side].items()}

    def load(self, state: StateDict) -> None:
        raise NotImplementedError("these tests do not resume")


class Rows(Scales):
    """One scale for every row (output) of a tensor."""

    def start(self):
        return {name: torch.ones(t.shape[:1] + (1,) * (t.dim() - 1)) for name, t in self.base.items()}

    def grow(self, parameters, name):
        return parameters[name]


class Layers(Scales):
    """One scale for every tensor."""

    def start(self):
        return {name: torch.ones(()) for name in self.base}

    def grow(self, parameters, name):
        return parameters[name]


class Task(Scales):
    """One scale for all tensors."""

    def start(self):
        return {"scale": torch.ones(())}

    def grow(self, parameters, name):
        return parameters["scale"]


class LowRank(Scales):
    """M = 1 + U Vᵀ of rank 2 for matrices, one scale for everything else."""

    def start(self):
        generator = torch.Generator().manual_seed(3)
        parameters = {}
        for name, tensor in self.base.items():
            if tensor.dim() == 2:
                parameters[f"{name}/u"] = torch.zeros(len(tensor), 2)
                parameters[f"{name}/v"] = torch.randn(tensor.shape[1], 2, generator=generator)
            else:
                parameters[name] = torch.ones(())
        return parameters

    def grow(self, parameters, name):
        if name in parameters:
            return parameters[name]
        return 1 + parameters[f"{name}/u"] @ parameters[f"{name}/v"].T


def by_autograd(
    settings: Otmf, pre: StateDict, post: StateDict, context: Context, family: type[Scales]
) -> tuple[StateDict, list[float]]:
    """Δ_m and the sums of losses of a fusion, written as the paper writes it: masks in the graph, Adam on them."""
    assert context.learning is not None
    learning, base = context.learning, context.learning.tower.base
    masks = family(base, pre, post, settings.alpha)
    leaves = {side: {key: p.clone().requires_grad_() for key, p in masks.parameters[side].items()} for side in SIDES}
    optimisers: dict[tuple[str, ...], torch.optim.Adam] = {}
    loss = alignment(settings.loss, Cost(settings.p, settings.blur))

    def merged() -> StateDict:
        def part(side: str, name: str) -> Tensor:
            return masks.factor[side] * masks.grow(leaves[side], name) * masks.delta[side][name].float()

        return {name: part("pre", name) + part("post", name) for name in base}

    losses = []
    sizes = [len(seen) for seen in learning.calibration]
    for iteration, drawn in enumerate(batches_of(settings, sizes, context.seed, context.step)):
        sides = tuple(side for side in SIDES if drawn[side] is not None)
        fresh = torch.optim.Adam([p for side in sides for p in leaves[side].values()])
        optimiser = optimisers.setdefault(sides, fresh)
        optimiser.param_groups[0]["lr"] = settings.lr * (1 + np.cos(np.pi * iteration / settings.iterations)) / 2
        theta = {name: base[name] + delta for name, delta in merged().items()}
        total, objective = torch.zeros(()), torch.zeros(())
        for side in sides:
            batch = drawn[side]
            assert batch is not None
            tasks, images = batch
            clouds = []
            for task, rows in zip(tasks, images, strict=True):
                seen = learning.calibration[task]
                assert isinstance(seen.inputs, Tensor) and seen.teacher is not None
                features = functional_call(learning.tower.module, theta, (preprocess(seen.inputs[rows], CONFIG),))
                clouds.append((features, seen.teacher[rows]))
            at = torch.from_numpy(tasks)
            merged_out, teacher_out = (
                learning.class_vectors.outputs(torch.stack(each), at, settings.space)
                for each in zip(*clouds, strict=True)
            )
            value = loss(merged_out, teacher_out)
            total = total + value
            weight = len(learning.calibration) - 1 if side == "pre" else 1  # each task weighs the same
            objective = objective + weight * value
        optimiser.zero_grad()
        objective.backward()
        optimiser.step()
        losses.append(total.item())
    return {name: tensor.detach() for name, tensor in merged().items()}, losses


def settings_of(**fields) -> Otmf:
    return Otmf(**{"iterations": 4, "batch": 6, "lr": 0.02, "space": "softmax", "blur": 0.1, "p": 2, **fields})


def compare(settings: Otmf, family: type[Scales], folder: Path, but: Mapping[str, slice] | None = None) -> None:
    """Run a fusion and hold its Δ_m, `but` for some entries, and its losses against autograd's with this family."""
    rows: list = []
    context, _, base = context_of(folder, rows)
    pre, post = random_vectors(base)
    expected, losses = by_autograd(settings, pre, post, context, family)
    merged = settings.fuse(State(pre), post, context).delta
    for name in base:
        if but and name in but:
            merged[name][but[name]] = expected[name][but[name]] = 0
        torch.testing.assert_close(merged[name], expected[name], atol=2e-5, rtol=1e-3)
    sums = [sum(row[f"loss_{side}"] or 0.0 for side in SIDES) for row in rows]
    assert sums == pytest.approx(losses, rel=1e-4)
    untrained = family(base, pre, post, settings.alpha).merged()
    assert max((merged[name] - untrained[name]).abs().max().item() for name in base) > 1e-3


@pytest.mark.parametrize("family", [Rows, Layers, Task, LowRank])
@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_masks_of_any_granularity_go_through_the_loop(
    family: type[Scales], update: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(families.FAMILIES, "element", family)
    compare(settings_of(update=update), family, tmp_path)


WIDTH = CONFIG["model_cfg"]["vision_cfg"]["width"]
# The softmax of attention does not see a bias of its keys: its gradient is rounding, which Adam makes as large as any.
KEYS = {"transformer.resblocks.0.attn.in_proj_bias": slice(WIDTH, 2 * WIDTH)}


@pytest.mark.parametrize("update", ["joint", "alternating"])
@pytest.mark.parametrize("loss", ["sinkhorn", "paired"])
@pytest.mark.parametrize("space", ["logits", "raw"])
def test_a_fusion_with_masks_per_row_is_autograds(update: str, loss: str, space: str, tmp_path: Path):
    assert families.FAMILIES["row"] is RowMasks
    settings = settings_of(masks="row", update=update, loss=loss, space=space)
    compare(settings, Rows, tmp_path, but=KEYS)
