"""Training of masks: as the engine takes its iterations, and the same in float64 from the definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import SIDES
from otmf_core.methods.training import Learner
from otmf_core.models.task_vector import StateDict

SHAPES = {"kernel": (5, 3, 2, 2), "weight": (7, 11), "row": (1, 6), "bias": (13,), "scale": ()}
RATE = 0.05
Loss = Callable[[StateDict], Tensor]
Schedule = list[tuple[tuple[str, ...], Loss]]


def values(seed: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> StateDict:
    generator = torch.Generator().manual_seed(seed)
    return {name: (scale * torch.randn(shape, generator=generator)).to(dtype) for name, shape in SHAPES.items()}


def loss_towards(seed: int) -> Loss:
    """A loss whose gradient varies over six orders of magnitude, so that Adam's ε is felt."""
    targets = values(seed)
    sizes = {
        name: 10 ** (3 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 4)
        for name, shape in SHAPES.items()
    }

    def loss(theta: StateDict) -> Tensor:
        errors = [(sizes[name] * (theta[name] - targets[name]).square()).sum() for name in theta]
        return torch.stack(errors).sum() + 1e-3 * torch.sin(theta["weight"].sum() * theta["scale"])

    return loss


PRE, POST = loss_towards(11), loss_towards(12)
JOINT: Schedule = [(("pre", "post"), lambda theta: PRE(theta) + POST(theta))]
ALTERNATING: Schedule = [(("pre",), PRE), (("post",), POST)]


def train(masks: MaskPair, weights: StateDict, schedule: Schedule, iterations: range) -> None:
    """Iterations as the engine takes them."""
    for number in iterations:
        sides, loss = schedule[number % len(schedule)]
        take(masks, weights, loss, RATE / (1 + number), sides)


def take(
    learner: Learner | MaskPair, weights: StateDict, loss: Loss, rate: float, sides: tuple[str, ...] = SIDES
) -> None:
    """One iteration: gradients of the weights, consumed one after the other."""
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    gradients = torch.autograd.grad(loss(leaves), list(leaves.values()))
    learner.begin(rate=rate, sides=sides)
    for name, gradient in zip(leaves, gradients, strict=True):
        learner.consume(name, gradient, weights[name])
    learner.finish(weights)


def trained_by_autograd(
    base: StateDict,
    deltas: Mapping[str, StateDict],
    alpha: float,
    schedule: Schedule,
    iterations: int,
    shapes: Mapping[str, tuple[int, ...]],
    epsilon: float = 1e-8,
) -> tuple[dict[str, StateDict], StateDict]:
    """Masks of these shapes, the leaves of a graph, and merged weights in float64, by autograd and torch's Adam."""
    base = {name: tensor.double() for name, tensor in base.items()}
    leaves = {
        side: {name: torch.ones(shape, dtype=torch.double, requires_grad=True) for name, shape in shapes.items()}
        for side in deltas
    }
    optimisers = {
        sides: torch.optim.Adam([leaves[side][name] for side in sides for name in base], lr=RATE, eps=epsilon)
        for sides, _ in schedule
    }

    def merged() -> StateDict:  # equations (1) and (2)
        return {
            n: base[n]
            + alpha * (leaves["pre"][n] * deltas["pre"][n].double())
            + (1 - alpha) * (leaves["post"][n] * deltas["post"][n].double())
            for n in base
        }

    for number in range(iterations):
        sides, loss = schedule[number % len(schedule)]
        optimiser = optimisers[sides]
        optimiser.param_groups[0]["lr"] = RATE / (1 + number)
        optimiser.zero_grad()
        loss(merged()).backward()
        optimiser.step()
    masks = {side: {name: mask.detach() for name, mask in leaves[side].items()} for side in leaves}
    return masks, {name: tensor.detach() for name, tensor in merged().items()}
