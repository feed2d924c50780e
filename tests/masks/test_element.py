"""Element-wise masks against autograd and torch.optim.Adam in float64."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import pytest
import torch

from otmf_core.masks import element as module
from otmf_core.masks import packed, shifts
from otmf_core.masks.base import shares
from otmf_core.masks.element import ElementMasks
from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.masks.packed import PackedMasks
from otmf_core.masks.shared import SharedMasks
from otmf_core.masks.shifts import Shifts
from otmf_core.models.task_vector import StateDict
from tests.training import ALTERNATING, JOINT, SHAPES, Schedule, train, trained_by_autograd, values

Kind = type[ElementMasks | SharedMasks]


@pytest.mark.parametrize("schedule", [JOINT, ALTERNATING], ids=["joint", "alternating"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["float32", "float16"])
def test_training_is_adam_on_the_masks(schedule: Schedule, alpha: float, dtype: torch.dtype):
    base, deltas = values(1), {"pre": values(2, 0.1), "post": values(3, 0.1, dtype)}
    masks = ElementMasks(base, deltas["pre"], deltas["post"], shares(alpha))
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    masks.apply(weights)
    train(masks, weights, schedule, range(25))
    expected, theta = trained_by_autograd(base, deltas, alpha, schedule, 25, SHAPES)
    for side, factor in (("pre", alpha), ("post", 1 - alpha)):
        for name in base:
            torch.testing.assert_close(masks.mask(side, name).double(), expected[side][name], atol=2e-5, rtol=2e-5)
            moved = (masks.mask(side, name) != 1).any().item()
            assert moved == (factor > 0), f"{side} of {name}"
    for name in base:
        torch.testing.assert_close(weights[name].double(), theta[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sides", [("pre", "post"), ("post",)], ids="+".join)
def test_masks_trained_together_are_adam_on_either(
    sides: tuple[str, ...], alpha: float, monkeypatch: pytest.MonkeyPatch
):
    """With an ε that is not felt, since it is added elsewhere; to what a weight of float32 can be moved by."""
    monkeypatch.setattr(shifts, "EPS", 1e-30)
    base, deltas = values(1), {"pre": values(2, 0.1), "post": values(3, 0.1, torch.float16)}
    schedule: Schedule = [(sides, JOINT[0][1])]
    masks = SharedMasks(base, deltas["pre"], deltas["post"], shares(alpha))
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    masks.apply(weights)
    train(masks, weights, schedule, range(25))
    expected, theta = trained_by_autograd(base, deltas, alpha, schedule, 25, SHAPES, epsilon=1e-30)
    for name in base:
        for side, factor in shares(alpha).items():
            wrong = masks.mask(side, name).double() - expected[side][name]
            reach = factor * deltas[side][name].double()
            torch.testing.assert_close(wrong * reach, torch.zeros_like(wrong), atol=2e-6, rtol=0)
            torch.testing.assert_close(wrong[reach.abs() > 0.01], wrong[reach.abs() > 0.01] * 0, atol=2e-4, rtol=0)
        torch.testing.assert_close(weights[name].double(), theta[name], atol=1e-5, rtol=1e-5)
        delta = masks.merged()[name].double()
        torch.testing.assert_close(delta, theta[name] - base[name].double(), atol=1e-5, rtol=1e-5)


def test_a_large_network_trains_in_less_room(monkeypatch: pytest.MonkeyPatch):
    """The first moment has eight bits, as bfloat16 has: what it moves is right to about one part in 256."""
    moved, kept = [], []
    for large in (10**9, 10):
        monkeypatch.setattr(shifts, "LARGE", large)
        masks = SharedMasks(values(1), values(2), values(3), shares(0.8))
        weights = {name: torch.empty_like(tensor) for name, tensor in values(1).items()}
        masks.apply(weights)
        start = {name: weight.clone() for name, weight in weights.items()}
        train(masks, weights, JOINT, range(4))
        moved.append({name: weights[name] - start[name] for name in weights})
        kept.append({key: tensor.dtype for key, tensor in masks.state().items()})
    for name, step in moved[0].items():
        torch.testing.assert_close(moved[1][name], step, rtol=1 / 128, atol=1e-4)
    assert kept[1] == {k: torch.bfloat16 if k.startswith("first/") else dtype for k, dtype in kept[0].items()}


def test_a_fusion_goes_on_from_masks_that_were_kept_one_by_one():
    """As versions did that kept both; where ε is not felt, training goes on as theirs."""
    vectors = values(1), values(2), values(3), shares(0.8)
    through, begun, resumed = ElementMasks(*vectors), ElementMasks(*vectors), SharedMasks(*vectors)
    weights = [{name: torch.empty_like(tensor) for name, tensor in values(1).items()} for _ in range(3)]
    for masks, own in zip((through, begun), weights, strict=False):
        masks.apply(own)
    train(through, weights[0], JOINT, range(6))
    train(begun, weights[1], JOINT, range(3))
    resumed.load(begun.state())
    resumed.apply(weights[2])
    torch.testing.assert_close(weights[2], weights[1], atol=1e-6, rtol=1e-6)
    train(resumed, weights[2], JOINT, range(3, 6))
    torch.testing.assert_close(weights[2], weights[0], atol=1e-3, rtol=1e-3)


def test_epsilon_is_of_the_size_of_adams():
    """One iteration on one entry: M = 1 − lr·g/(|g| + ε) with g = α·Δ·G; at |g| = ε that is half the rate."""
    alpha, delta, gradient = 0.8, 1e-5, 1.25e-3
    one = {"w": torch.zeros(1)}
    masks = ElementMasks(one, {"w": torch.tensor([delta])}, one, shares(alpha))
    masks.begin(("pre", "post"), 0.1)
    masks.consume("w", torch.tensor([gradient]), torch.zeros(1))
    assert alpha * delta * gradient == pytest.approx(module.EPS)
    assert masks.mask("pre", "w").item() == pytest.approx(1 - 0.1 / 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_momentum_is_that_of_the_family(family: str):
    """After gradients g and 0 Adam has moved as its first moment says: by (1 − β₁)·g, then β₁·(1 − β₁)·g."""
    moved = {}
    for momentum in (0.5, 0.9):
        one = {"weight": torch.ones(2, 2)}
        masks = FAMILIES[family](Fusion({"weight": torch.zeros(2, 2)}, one, one, shares(0.5)))
        masks.momentum = momentum
        weights = {"weight": torch.empty(2, 2)}
        masks.apply(weights)
        places = [weights["weight"].clone()]
        for gradient in (torch.ones(2, 2), torch.zeros(2, 2)):
            masks.begin(("pre", "post"), 0.01)
            masks.consume("weight", gradient, weights["weight"])
            masks.finish(weights)
            places.append(weights["weight"].clone())
        first, second = (float((a - b).abs().mean()) for a, b in pairwise(places))
        moved[momentum] = second / first
    root = math.sqrt(0.999 * 0.001 / (1 - 0.999**2))  # of the second moment after both, where it is 1 after the first
    for momentum, ratio in moved.items():
        expected = momentum * (1 - momentum) / (1 - momentum**2) / root
        assert ratio == pytest.approx(expected, rel=0.02), momentum


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_merged_is_equation_1_and_what_is_written_is_equation_2(alpha: float):
    base, pre, post = values(1), values(2), values(3, dtype=torch.float16)
    masks = ElementMasks(base, pre, post, shares(alpha))
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
        masks = ElementMasks(values(1), values(2), values(3, dtype=torch.float16), shares(0.8))
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


@pytest.mark.parametrize("chunk", [1, 12, 14, 1000])
@pytest.mark.parametrize(
    ("kind", "schedule"),
    [(ElementMasks, JOINT), (ElementMasks, ALTERNATING), (SharedMasks, JOINT)],
    ids=["joint", "alternating", "shared"],
)
def test_small_tensors_in_one_train_as_each_by_itself(
    kind: Kind, schedule: Schedule, chunk: int, monkeypatch: pytest.MonkeyPatch
):
    """None, some or all of them small."""
    monkeypatch.setattr(packed, "CHUNK", chunk)
    results = []
    for family in (kind, partial(PackedMasks, kind)):
        masks = family(values(1), values(2), values(3, dtype=torch.float16), shares(0.8))
        weights = {name: torch.empty_like(tensor) for name, tensor in values(1).items()}
        masks.apply(weights)
        train(masks, weights, schedule, range(6))
        trained = {side: {name: masks.mask(side, name) for name in SHAPES} for side in ("pre", "post")}
        results.append((weights, trained, masks.entries(), masks.merged()))
    torch.testing.assert_close(*results, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("first", "then"), [(False, True), (True, False)], ids=["then packed", "then not"])
@pytest.mark.parametrize(
    ("kind", "schedule"),
    [(ElementMasks, JOINT), (ElementMasks, ALTERNATING), (SharedMasks, JOINT)],
    ids=["joint", "alternating", "shared"],
)
def test_a_fusion_goes_on_from_masks_that_were_saved_in_either_way(
    first: bool, then: bool, kind: Kind, schedule: Schedule, monkeypatch: pytest.MonkeyPatch
):
    """By their tensors' names, as versions wrote that knew of no packing; some of them are packed here."""
    monkeypatch.setattr(packed, "CHUNK", 14)
    vectors = values(1), values(2), values(3), shares(0.8)
    through, begun, resumed = (
        PackedMasks(kind, *vectors) if packs else kind(*vectors) for packs in (first, first, then)
    )
    weights = {name: torch.empty_like(tensor) for name, tensor in values(1).items()}
    begun.apply(weights)
    train(begun, weights, schedule, range(3))
    state = begun.state()
    resumed.load(state)
    resumed.apply(weights)
    assert {key: tensor.shape for key, tensor in resumed.state().items()} == {key: t.shape for key, t in state.items()}
    assert all(torch.equal(tensor, state[key]) for key, tensor in resumed.state().items())
    train(resumed, weights, schedule, range(3, 6))
    through.apply(weights)
    train(through, weights, schedule, range(6))
    torch.testing.assert_close(resumed.merged(), through.merged(), atol=1e-6, rtol=1e-6)


def test_masks_start_at_one():
    masks = ElementMasks(values(1), values(2), values(3), shares(0.6))
    assert all((masks.mask(side, name) == 1).all() for side in ("pre", "post") for name in SHAPES)


def test_the_mask_of_a_small_tensor_is_worked_out_by_itself(monkeypatch: pytest.MonkeyPatch):
    """Not that of all small ones: a merge of eight tasks once spent two fifths of its time so."""
    masks = PackedMasks(SharedMasks, values(1), values(2), values(3), shares(0.6))
    weights = {name: torch.empty_like(tensor) for name, tensor in values(1).items()}
    masks.apply(weights)
    train(masks, weights, JOINT, range(2))
    worked_out, reach_of = [], Shifts._reach_of
    monkeypatch.setattr(Shifts, "_reach_of", lambda *of: worked_out.append(len(found := reach_of(*of))) or found)
    for name, tensor in values(1).items():
        masks.mask("pre", name)
        assert worked_out.pop() == tensor.numel()
    assert not worked_out
