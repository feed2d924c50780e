"""Masks by row, by tensor, by task and of low rank, driven by OTMF's own loop, against masks in an autograd graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from otmf_core.config import MergeConfig
from otmf_core.masks.element import SIDES
from otmf_core.methods import otmf
from otmf_core.methods.context import Context
from otmf_core.methods.otmf import draw_batches
from otmf_core.models.clip import preprocess
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.losses import sinkhorn
from tests.fusion import context_of, random_vectors
from tests.tiny import CONFIG


class Scales:
    """A family whose masks `grow` from parameters of any shape.

    Gradients are gathered in `consume` and weights written in `finish`, as families that span several weights have to.
    """

    def __init__(self, base: StateDict, pre: StateDict, post: StateDict, alpha: float) -> None:
        self.base, self.delta, self.factor = base, {"pre": pre, "post": post}, {"pre": alpha, "post": 1 - alpha}
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
        return {
            name: sum(self.factor[side] * self.mask(side, name) * self.delta[side][name].float() for side in SIDES)
            for name in self.base
        }

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
        found = {}
        for name, tensor in self.base.items():
            if tensor.dim() == 2:
                found[f"{name}/u"] = torch.zeros(len(tensor), 2)
                found[f"{name}/v"] = torch.randn(tensor.shape[1], 2, generator=generator)
            else:
                found[name] = torch.ones(())
        return found

    def grow(self, parameters, name):
        if name in parameters:
            return parameters[name]
        return 1 + parameters[f"{name}/u"] @ parameters[f"{name}/v"].T


def by_autograd(
    base: StateDict, pre: StateDict, post: StateDict, context: Context, family: type[Scales]
) -> tuple[StateDict, list[float]]:
    """Δ_m and the sums of losses of a fusion, written as the paper writes it: masks in the graph, Adam on them."""
    config = context.config
    masks = family(base, pre, post, config.alpha)
    leaves = {side: {key: p.clone().requires_grad_() for key, p in masks.parameters[side].items()} for side in SIDES}
    optimisers: dict[tuple[str, ...], torch.optim.Adam] = {}
    loss = sinkhorn(config.p, config.blur)

    def merged() -> StateDict:
        def part(side: str, name: str) -> Tensor:
            return masks.factor[side] * masks.grow(leaves[side], name) * masks.delta[side][name].float()

        return {name: part("pre", name) + part("post", name) for name in base}

    losses = []
    for iteration, drawn in enumerate(draw_batches([len(seen) for seen in context.calibration], config, context.step)):
        sides = tuple(side for side in SIDES if drawn[side] is not None)
        fresh = torch.optim.Adam([p for side in sides for p in leaves[side].values()])
        optimiser = optimisers.setdefault(sides, fresh)
        optimiser.param_groups[0]["lr"] = config.lr * (1 + np.cos(np.pi * iteration / config.steps)) / 2
        theta = {name: base[name] + delta for name, delta in merged().items()}
        total, objective = torch.zeros(()), torch.zeros(())
        for side in sides:
            tasks, images = drawn[side]
            clouds = []
            for task, rows in zip(tasks, images, strict=True):
                seen = context.calibration[task]
                features = functional_call(context.tower.module, theta, (preprocess(seen.inputs[rows], CONFIG),))
                clouds.append((features, seen.teacher[rows]))
            at = torch.from_numpy(tasks)
            merged_out, teacher_out = (
                context.heads.outputs(torch.stack(each), at, config.space) for each in zip(*clouds, strict=True)
            )
            value = loss(merged_out, teacher_out)
            total = total + value
            objective = (
                objective + (len(context.calibration) - 1 if side == "pre" else 1) * value
            )  # each task weighs the same
        optimiser.zero_grad()
        objective.backward()
        optimiser.step()
        losses.append(total.item())
    return {name: tensor.detach() for name, tensor in merged().items()}, losses


@pytest.mark.parametrize("family", [Rows, Layers, Task, LowRank])
@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_masks_of_any_granularity_go_through_the_loop(family: type[Scales], update: str, tmp_path: Path):
    config = MergeConfig.build(
        tasks=("a", "b", "c"),
        update=update,
        steps=4,
        batch=6,
        lr=0.02,
        schedule="cosine",
        space="softmax",
        blur=0.1,
        p=2,
    )
    events: list[dict] = []
    context, base = context_of(tmp_path, config, events)
    pre, post = random_vectors(base)
    expected, losses = by_autograd(base, pre, post, context, family)
    merged = otmf.step(base, pre, post, context, family=family)
    for name in base:
        torch.testing.assert_close(merged[name], expected[name], atol=2e-5, rtol=1e-3)
    found = [sum(event[f"loss_{side}"] or 0.0 for side in SIDES) for event in events if event["type"] == "mask_step"]
    assert found == pytest.approx(losses, rel=1e-4)
    untrained = family(base, pre, post, config.alpha).merged()
    assert max((merged[name] - untrained[name]).abs().max().item() for name in base) > 1e-3
