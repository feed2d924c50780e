"""Masks with an entry per row against autograd and torch.optim.Adam in float64."""

from __future__ import annotations

import pytest
import torch

from otmf_core.masks.base import MaskPair, shares
from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.models.task_vector import StateDict
from tests.training import ALTERNATING, JOINT, SHAPES, Schedule, train, trained_by_autograd, values

ROWS = {"kernel": (5, 1, 1, 1), "weight": (7, 1), "row": (1, 1), "bias": (13,), "scale": ()}
SCHEDULES = pytest.mark.parametrize("schedule", [JOINT, ALTERNATING], ids=["joint", "alternating"])


def row_masks(base: StateDict, pre: StateDict, post: StateDict, alpha: float) -> MaskPair:
    return FAMILIES["row"](Fusion(base, pre, post, shares(alpha)))


def fresh(alpha: float = 0.8) -> tuple[MaskPair, StateDict]:
    """Masks of random vectors, the incoming one in float16, and weights to write to."""
    masks = row_masks(values(1), values(2, 0.1), values(3, 0.1, torch.float16), alpha)
    return masks, {name: torch.full_like(tensor, torch.nan) for name, tensor in values(1).items()}


def test_masks_start_at_one_with_an_entry_per_row_and_per_entry_of_a_vector():
    masks, _ = fresh()
    for side in ("pre", "post"):
        for name, shape in ROWS.items():
            assert masks.mask(side, name).shape == shape
            assert masks.mask(side, name).dtype == torch.float32
            assert (masks.mask(side, name) == 1).all()


@SCHEDULES
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["float32", "float16"])
def test_training_is_adam_on_the_masks(schedule: Schedule, alpha: float, dtype: torch.dtype):
    base, deltas = values(1), {"pre": values(2, 0.1), "post": values(3, 0.1, dtype)}
    masks = row_masks(base, deltas["pre"], deltas["post"], alpha)
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    masks.apply(weights)
    train(masks, weights, schedule, range(25))
    expected, theta = trained_by_autograd(base, deltas, alpha, schedule, 25, ROWS)
    for side, factor in (("pre", alpha), ("post", 1 - alpha)):
        for name in base:
            assert masks.mask(side, name).shape == ROWS[name]
            torch.testing.assert_close(masks.mask(side, name).double(), expected[side][name], atol=2e-5, rtol=2e-5)
            moved = (masks.mask(side, name) != 1).any().item()
            assert moved == (factor > 0), f"{side} of {name}"
    for name in base:
        torch.testing.assert_close(weights[name].double(), theta[name], atol=1e-5, rtol=1e-5)


def test_the_entries_of_a_vector_are_trained_each_on_its_own_gradient():
    """After one iteration Adam has moved every entry by the rate, against the sign of its own Δ·G."""
    zero, one = {"bias": torch.zeros(4)}, {"bias": torch.ones(4)}
    masks, weights = row_masks(zero, one, one, 0.5), {"bias": torch.empty(4)}
    masks.begin(("pre", "post"), 0.1)
    masks.consume("bias", torch.tensor([1.0, -1.0, 3.0, -0.5]), weights["bias"])
    masks.finish(weights)
    expected = torch.tensor([0.9, 1.1, 0.9, 1.1])
    for side in ("pre", "post"):
        torch.testing.assert_close(masks.mask(side, "bias"), expected)
    torch.testing.assert_close(weights["bias"], expected)


def test_the_gradient_of_a_row_is_the_sum_over_it():
    """G that is opposite on two entries of a row cancels where Δ is the same on both, and adds up where it is not."""
    zero = {"weight": torch.zeros(2, 2)}
    pre = {"weight": torch.tensor([[1.0, 1.0], [1.0, -1.0]])}
    masks = row_masks(zero, pre, zero, 0.5)
    masks.begin(("pre", "post"), 0.1)
    masks.consume("weight", torch.tensor([[2.0, -2.0], [2.0, -2.0]]), torch.empty(2, 2))
    masks.finish({"weight": torch.empty(2, 2)})
    torch.testing.assert_close(masks.mask("pre", "weight"), torch.tensor([[1.0], [0.9]]))
    assert (masks.mask("post", "weight") == 1).all()


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_merged_is_equation_1_and_what_is_written_is_equation_2(alpha: float):
    masks, weights = fresh(alpha)
    base, pre, post = masks.base, masks.delta["pre"], masks.delta["post"]
    masks.apply(weights)
    train(masks, weights, JOINT, range(3))
    for name, tensor in masks.merged().items():
        parts = (alpha, masks.mask("pre", name), pre[name]), (1 - alpha, masks.mask("post", name), post[name])
        delta = torch.stack([factor * mask.double() * d.double() for factor, mask, d in parts]).sum(dim=0)
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor.double(), delta, atol=1e-7, rtol=1e-6)
        torch.testing.assert_close(weights[name].double(), base[name].double() + delta, atol=1e-6, rtol=1e-6)


def test_neither_vector_is_changed():
    masks, weights = fresh()
    masks.apply(weights)
    train(masks, weights, ALTERNATING, range(4))
    masks.merged()
    for given, expected in (
        (masks.base, values(1)),
        (masks.delta["pre"], values(2, 0.1)),
        (masks.delta["post"], values(3, 0.1, torch.float16)),
    ):
        assert all(torch.equal(given[name], expected[name]) for name in SHAPES)
        assert all(given[name].dtype == expected[name].dtype for name in SHAPES)
