"""Element-wise masks against autograd and torch.optim.Adam in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from otmf_core.files import write_tensors
from otmf_core.masks import element as module
from otmf_core.masks.element import ElementMasks
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict

SHAPES = {"kernel": (5, 3, 2, 2), "weight": (7, 11), "bias": (13,), "scale": ()}
RATE = 0.05
Loss = Callable[[StateDict], Tensor]
Step = tuple[tuple[str, ...], Loss]


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
JOINT: list[Step] = [(("pre", "post"), lambda theta: PRE(theta) + POST(theta))]
ALTERNATING: list[Step] = [(("pre",), PRE), (("post",), POST)]


def train(masks: ElementMasks, weights: StateDict, schedule: list[Step], steps: range) -> None:
    """Optimisation steps as the engine takes them: gradients of the weights, consumed one after the other."""
    for number in steps:
        sides, loss = schedule[number % len(schedule)]
        leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
        gradients = torch.autograd.grad(loss(leaves), list(leaves.values()))
        masks.begin(sides, RATE / (1 + number))
        for name, gradient in zip(leaves, gradients, strict=True):
            masks.consume(name, gradient, weights[name])
        masks.finish(weights)


def trained_by_autograd(
    base: StateDict, deltas: dict[str, StateDict], alpha: float, schedule: list[Step], steps: int
) -> tuple[dict[str, StateDict], StateDict]:
    """The same masks and merged weights in float64, from the definition."""
    base = {name: tensor.double() for name, tensor in base.items()}
    masks = {
        side: {n: torch.ones_like(t, dtype=torch.double, requires_grad=True) for n, t in base.items()}
        for side in deltas
    }
    optimisers = {
        sides: torch.optim.Adam([masks[side][name] for side in sides for name in base], lr=RATE)
        for sides, _ in schedule
    }

    def merged() -> StateDict:  # equations (1) and (2)
        return {
            n: base[n]
            + alpha * (masks["pre"][n] * deltas["pre"][n].double())
            + (1 - alpha) * (masks["post"][n] * deltas["post"][n].double())
            for n in base
        }

    for number in range(steps):
        sides, loss = schedule[number % len(schedule)]
        optimiser = optimisers[sides]
        optimiser.param_groups[0]["lr"] = RATE / (1 + number)
        optimiser.zero_grad()
        loss(merged()).backward()
        optimiser.step()
    return {side: {name: mask.detach() for name, mask in masks[side].items()} for side in masks}, {
        name: tensor.detach() for name, tensor in merged().items()
    }


@pytest.mark.parametrize("schedule", [JOINT, ALTERNATING], ids=["joint", "alternating"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["float32", "float16"])
def test_training_is_adam_on_the_masks(schedule: list[Step], alpha: float, dtype: torch.dtype):
    base, deltas = values(1), {"pre": values(2, 0.1), "post": values(3, 0.1, dtype)}
    masks = ElementMasks(base, deltas["pre"], deltas["post"], alpha)
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    masks.apply(weights)
    train(masks, weights, schedule, range(25))
    expected, theta = trained_by_autograd(base, deltas, alpha, schedule, 25)
    for side, factor in (("pre", alpha), ("post", 1 - alpha)):
        for name in base:
            torch.testing.assert_close(masks.mask(side, name).double(), expected[side][name], atol=2e-5, rtol=2e-5)
            moved = (masks.mask(side, name) != 1).any().item()
            assert moved == (factor > 0), f"{side} of {name}"
    for name in base:
        torch.testing.assert_close(weights[name].double(), theta[name], atol=1e-5, rtol=1e-5)


def test_epsilon_is_of_the_size_of_adams():
    """One step on one entry: M = 1 − lr·g/(|g| + ε) with g = α·Δ·G; at |g| = ε that is half a step."""
    alpha, delta, gradient = 0.8, 1e-5, 1.25e-3
    one = {"w": torch.zeros(1)}
    masks = ElementMasks(one, {"w": torch.tensor([delta])}, one, alpha)
    masks.begin(("pre", "post"), 0.1)
    masks.consume("w", torch.tensor([gradient]), torch.zeros(1))
    assert alpha * delta * gradient == pytest.approx(module.EPS)
    assert masks.mask("pre", "w").item() == pytest.approx(1 - 0.1 / 2)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_merged_is_equation_1_and_what_is_written_is_equation_2(alpha: float):
    base, pre, post = values(1), values(2), values(3, dtype=torch.float16)
    masks = ElementMasks(base, pre, post, alpha)
    weights = {name: torch.full_like(tensor, torch.nan) for name, tensor in base.items()}
    masks.apply(weights)
    train(masks, weights, JOINT, range(3))
    for name, tensor in masks.merged().items():
        parts = (alpha, masks.mask("pre", name), pre[name]), (1 - alpha, masks.mask("post", name), post[name])
        delta = torch.stack([factor * mask.double() * d.double() for factor, mask, d in parts]).sum(dim=0)
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor.double(), delta, atol=1e-7, rtol=1e-6)
        torch.testing.assert_close(weights[name].double(), base[name].double() + delta, atol=1e-6, rtol=1e-6)


def test_pieces_of_any_size_give_the_same_bits(monkeypatch: pytest.MonkeyPatch):
    def trained() -> tuple[StateDict, StateDict]:
        masks = ElementMasks(values(1), values(2), values(3, dtype=torch.float16), 0.8)
        weights = {name: torch.empty_like(tensor) for name, tensor in values(1).items()}
        masks.apply(weights)
        train(masks, weights, JOINT, range(4))
        return masks.state(), weights

    whole = trained()
    for piece in (1, 6, 13, 77):  # divides, overshoots, equals and exceeds the tensors' sizes
        monkeypatch.setattr(module, "CHUNK", piece)
        for left, right in zip(whole, trained(), strict=True):
            assert left.keys() == right.keys()
            assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("schedule", [JOINT, ALTERNATING], ids=["joint", "alternating"])
@pytest.mark.parametrize("cut", [0, 1, 4])
def test_training_goes_on_from_a_saved_state_bit_for_bit(schedule: list[Step], cut: int, tmp_path: Path):
    def fresh() -> tuple[ElementMasks, StateDict]:
        masks = ElementMasks(values(1), values(2), values(3, dtype=torch.float16), 0.8)
        return masks, {name: torch.empty_like(tensor) for name, tensor in values(1).items()}

    through, expected = fresh()
    through.apply(expected)
    train(through, expected, schedule, range(7))

    before, weights = fresh()
    before.apply(weights)
    train(before, weights, schedule, range(cut))
    write_tensors(tmp_path / "state.safetensors", before.state())
    after, weights = fresh()
    after.load(read_tensors(tmp_path / "state.safetensors"))
    after.apply(weights)
    train(after, weights, schedule, range(cut, 7))

    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    state, wanted = after.state(), through.state()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)


def test_masks_start_at_one():
    masks = ElementMasks(values(1), values(2), values(3), 0.6)
    assert all((masks.mask(side, name) == 1).all() for side in ("pre", "post") for name in SHAPES)
