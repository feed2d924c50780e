"""Task arithmetic, TIES, DARE and MagMax: closed forms, the papers in float64, peft where it means the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.methods.average import Average
from otmf_core.methods.base import Method, State
from otmf_core.methods.context import Context
from otmf_core.methods.dare import Dare
from otmf_core.methods.entries import dropped, threshold, ties
from otmf_core.methods.magmax import MagMax
from otmf_core.methods.task_arithmetic import TaskArithmetic
from otmf_core.methods.ties import JointTies, Ties
from otmf_core.models.task_vector import StateDict

Aggregate = Literal["sum", "mean"]
SHAPES = {"w": (7, 11), "a.bias": (13,), "conv": (3, 2, 2, 2), "scale": ()}


def vectors(count: int, dtype: torch.dtype = torch.float16, seed: int = 5) -> list[StateDict]:
    draws = torch.Generator().manual_seed(seed)
    return [
        {name: torch.randn(shape, generator=draws).to(dtype) for name, shape in SHAPES.items()} for _ in range(count)
    ]


def single(*entries: float) -> StateDict:
    return {"w": torch.tensor(entries)}


def fold(method: Method, deltas: Sequence[StateDict], seed: int = 0) -> StateDict:
    """Δ_m after all of these task vectors."""
    state: State | None = None
    for t, delta in enumerate(deltas, start=1):
        context = Context(t, seed, vectors=tuple(deltas[:t]) if method.joint else ())
        state = method.fuse(state, delta, context) if state else method.begin(delta, context)
    assert state is not None
    return state.delta


def flat(delta: StateDict) -> np.ndarray:
    """All entries in float64, tensors by name."""
    return np.concatenate([delta[name].double().numpy().ravel() for name in sorted(delta)])


def is_close(delta: StateDict, expected: np.ndarray) -> None:
    assert all(tensor.dtype == torch.float32 for tensor in delta.values())
    assert {name: tuple(tensor.shape) for name, tensor in delta.items()} == SHAPES
    np.testing.assert_allclose(flat(delta), expected, atol=2e-6, rtol=2e-6)


# --- float64, from the papers ----------------------------------------------------------------------------------------


def trim64(row: np.ndarray, keep: float) -> np.ndarray:
    least = np.sort(abs(row))[len(row) - int(keep * len(row)) - 1]
    return np.where(abs(row) >= least, row, 0)


def ties64(rows: Sequence[np.ndarray], keep: float, aggregate: Aggregate = "sum") -> np.ndarray:
    kept = np.stack([trim64(row, keep) for row in rows])
    signs = np.sign(kept.sum(0))
    signs[signs == 0] = 1 if signs.sum() > 0 else -1
    agreeing = np.where(np.sign(kept) == signs, kept, 0)
    return agreeing.sum(0) / (1 if aggregate == "sum" else np.maximum((agreeing != 0).sum(0), 1))


METHODS = [
    TaskArithmetic(scaling=0.4),
    TaskArithmetic(scaling=1.7, rescaled=True),
    Ties(),
    Ties(published=True, aggregate="mean"),
    Dare(),
    Dare(consensus="ties"),
    MagMax(),
    JointTies(),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_float_type_gives_float32_and_nothing_given_is_changed(method: Method, dtype: torch.dtype, tmp_path: Path):
    deltas = vectors(3, dtype)
    first, second, third = deltas
    state = method.begin(first, Context(1, vectors=deltas[:1]))
    state = method.fuse(state, second, Context(2, vectors=deltas[:2]))
    before = {name: tensor.clone() for name, tensor in state.delta.items()}
    fused = method.fuse(state, third, Context(3, vectors=deltas))
    replayed = method.replay(state, third, Context(3, vectors=deltas), tmp_path)
    assert all(tensor.dtype == torch.float32 for tensor in fused.delta.values())
    assert {name: tuple(tensor.shape) for name, tensor in fused.delta.items()} == SHAPES
    assert all(torch.equal(fused.delta[name], replayed.delta[name]) for name in SHAPES)
    assert all(torch.equal(before[name], state.delta[name]) for name in SHAPES)
    for given, drawn in zip(deltas, vectors(3, dtype), strict=True):
        assert all(torch.equal(given[name], drawn[name]) for name in SHAPES)


# --- task arithmetic and the average ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "joint"),
    [
        (Average(), lambda all_: all_.mean(0)),
        (TaskArithmetic(scaling=0.3), lambda all_: 0.3 * all_.sum(0)),
        (TaskArithmetic(scaling=1.4, rescaled=True), lambda all_: 1.4 * all_.mean(0)),
        (MagMax(scaling=0.5), lambda all_: 0.5 * np.take_along_axis(all_, abs(all_).argmax(0)[None], 0)[0]),
    ],
    ids=["average", "arithmetic", "rescaled", "magmax"],
)
def test_the_last_step_is_the_joint_merge_in_any_order(method: Method, joint):
    deltas = vectors(4, torch.float32)
    expected = joint(np.stack([flat(delta) for delta in deltas]))
    for order in list(permutations(deltas))[::5]:
        is_close(fold(method, order), expected)


def test_retained_task_arithmetic_is_otmf_with_all_masks_at_one():
    """0.8·(0.8·Δ¹ + 0.2·Δ²) + 0.2·Δ³, by hand."""
    method, vectors = (
        TaskArithmetic(scaling=0.2, retained=True),
        [{"w": torch.tensor([value])} for value in (1.0, 2.0, 3.0)],
    )
    state = method.begin(vectors[0], Context(1))
    for step, vector in enumerate(vectors[1:], start=2):
        state = method.fuse(state, vector, Context(step))
    assert state.delta["w"].item() == pytest.approx(0.64 + 0.32 + 0.6)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rescaled": True, "retained": True}, "task arithmetic is rescaled or retained, received both"),
        (
            {"retained": True, "scaling": 1.5},
            "scaling is at most 1 where task arithmetic is retained, received 1.5",
        ),
    ],
)
def test_task_arithmetic_takes_one_form(fields: dict, sentence: str):
    with pytest.raises(InputError, match=sentence):
        MergeConfig.build(tasks=("a", "b"), method="task-arithmetic", **fields)


def test_rescaled_task_arithmetic_step_by_step():
    """θ_t = ((t−1)/t)·Δ_pre + (λ/t)·Δ_post: first 0.5·8, then ½·4 + ¼·2, then ⅔·2.5 + ⅙·4."""
    steps = [single(8.0), single(2.0), single(4.0)]
    method = TaskArithmetic(scaling=0.5, rescaled=True)
    assert [fold(method, steps[:t])["w"].item() for t in (1, 2, 3)] == pytest.approx([4, 2.5, 7 / 3])


# --- the trim of TIES ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [1e-9, 0.1, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-3, 1e4])
def test_the_threshold_is_that_of_all_entries_sorted(keep: float, dtype: torch.dtype, scale: float):
    delta = {name: (scale * tensor.double()).to(dtype) for name, tensor in vectors(1)[0].items()}
    ordered = np.sort(abs(flat(delta)))
    assert threshold(delta, keep) == ordered[max(len(ordered) - int(keep * len(ordered)), 1) - 1]


def test_the_threshold_of_strided_tensors_and_of_many_ties():
    matrix = torch.arange(-50.0, 50.0).reshape(10, 10)
    assert (
        threshold({"w": matrix.T, "v": matrix[:, ::2]}, 0.1)
        == np.sort(abs(np.concatenate([matrix.numpy().ravel(), matrix[:, ::2].numpy().ravel()])))[150 - 15 - 1]
    )
    assert threshold(single(0.0, 0.0, 0.0, 0.0, 7.0), 0.2) == 0.0
    assert threshold(single(*[3.0] * 9, -3.0), 0.2) == 3.0


def test_a_trim_keeps_one_entry_more_than_its_share_and_all_that_tie():
    """⌊0.2·10⌋ + 1 = 3 of ten; the threshold is that of the whole model, not of each tensor."""
    delta = {"large": torch.tensor([9.0, -8.0, 7.0, 6.0]), "small": torch.arange(1.0, 7.0) / 10}
    kept = ties([(1.0, delta)], 0.2)
    assert kept["large"].tolist() == [9, -8, 7, 0]
    assert not kept["small"].any()
    assert ties([(1.0, single(*[2.0] * 9, -2.0))], 0.2)["w"].tolist() == [*[2] * 9, -2]
    whole = vectors(1)[0]
    assert all(torch.equal(kept, whole[name].float()) for name, kept in ties([(1.0, whole)], 1.0).items())


# --- TIES ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", [0.3, 1.0])
@pytest.mark.parametrize("keep", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("aggregate", ["sum", "mean"])
def test_continual_and_joint_ties_are_those_of_the_paper(scaling: float, keep: float, aggregate: Aggregate):
    deltas = vectors(5)
    rows = [flat(delta) for delta in deltas]
    settings = {"scaling": scaling, "keep": keep, "aggregate": aggregate}
    one_scale = published = scaling * rows[0]
    keep = min(keep, (len(rows[0]) - 1) / len(rows[0]))  # of all entries none is the one before the smallest
    for row in rows[1:]:
        one_scale = scaling * ties64([one_scale / scaling, row], keep, aggregate)
        published = published + scaling * ties64([published, row], keep, aggregate)
    is_close(fold(Ties(**settings), deltas), one_scale)
    is_close(fold(Ties(**settings, published=True), deltas), published)
    is_close(fold(JointTies(**settings), deltas), scaling * ties64(rows, keep, aggregate))


def test_two_tasks_one_after_another_are_merged_as_both_at_once():
    deltas = vectors(2)
    continual, joint = fold(Ties(), deltas), fold(JointTies(), deltas)
    for name in SHAPES:
        torch.testing.assert_close(continual[name], joint[name])
    published = fold(Ties(published=True), deltas)
    assert any(not torch.allclose(published[name], joint[name]) for name in SHAPES)


def test_identical_vectors_are_added_up_where_they_are_kept():
    (delta,) = vectors(1)
    is_close(ties([(1.0, delta)] * 2, 0.2), 2 * trim64(flat(delta), 0.2))
    is_close(ties([(1.0, delta)] * 2, 0.2, mean=True), trim64(flat(delta), 0.2))


def test_vectors_without_a_common_entry_are_added_up():
    one, two = single(5.0, -4.0, 0.0, 0.0, 0.0), single(0.0, 0.0, -3.0, 2.0, 0.0)
    assert ties([(1.0, one), (0.5, two)], 0.3)["w"].tolist() == [5, -4, -1.5, 1, 0]


@pytest.mark.parametrize(("others", "sign"), [((1.0, 1.0, -1.0), 1), ((-1.0, 1.0, -1.0), -1), ((0.0, 1.0, -1.0), -1)])
def test_opposite_entries_take_the_sign_that_most_others_have(others: tuple[float, ...], sign: int):
    """By hand: +2 and −2 sum to 0, so the signs of the other entries decide, and minus where they balance."""
    rows = [(1.0, single(2.0, -2.0, *others)), (1.0, single(-2.0, 2.0, *others))]
    assert ties(rows, 1.0)["w"].tolist() == [2 * sign, 2 * sign, *(2 * other for other in others)]


def test_the_larger_sum_wins_the_election_and_the_losers_are_left_out():
    rows = [(1.0, single(5.0, 1.0)), (1.0, single(-3.0, 1.0)), (1.0, single(-3.0, 4.0))]
    assert ties(rows, 1.0)["w"].tolist() == [-6, 6]
    assert ties(rows, 1.0, mean=True)["w"].tolist() == [-3, 2]


# --- DARE ------------------------------------------------------------------------------------------------------------


def test_what_is_not_dropped_is_divided_by_its_share():
    (delta,) = vectors(1)
    for share in (0.0, 0.3, 0.9):
        thinned, entries = flat(dropped(delta, share, Context(2, 7))), flat(delta)
        kept = thinned != 0
        assert np.array_equal(thinned[kept], (entries[kept].astype(np.float32) / np.float32(1 - share)))
    whole = dropped(delta, 0.0, Context(2, 7))
    assert all(torch.equal(whole[name], delta[name].float()) for name in SHAPES)


def test_the_mean_over_seeds_is_the_vector_and_p_of_its_entries_are_dropped():
    delta, share, seeds = {"w": torch.linspace(-1, 1, 64), "b": torch.ones(64)}, 0.7, 400
    draws = np.stack([flat(dropped(delta, share, Context(3, seed))) for seed in range(seeds)])
    deviation = abs(flat(delta)) * (share / (1 - share) / seeds) ** 0.5  # of the mean of so many
    assert (abs(draws.mean(0) - flat(delta)) <= 5 * deviation).all()
    assert (draws == 0).mean() == pytest.approx(share, abs=5 * (share * (1 - share) / draws.size) ** 0.5)


def test_a_mask_follows_from_seed_and_step_whatever_the_order_of_tensors():
    delta = {"a": torch.ones(200), "b": torch.ones(30, 10)}
    drawn = flat(dropped(delta, 0.5, Context(2, 7)))
    assert np.array_equal(drawn, flat(dropped(dict(reversed(delta.items())), 0.5, Context(2, 7))))
    for other in (Context(2, 8), Context(3, 7)):
        assert not np.array_equal(drawn, flat(dropped(delta, 0.5, other)))


@pytest.mark.parametrize("keep", [0.2, 1.0])
def test_dare_is_a_step_of_its_rule_over_the_thinned_incoming_vector(keep: float):
    deltas = vectors(3)
    thinned = [dropped(delta, 0.6, Context(t, 11)) for t, delta in enumerate(deltas, start=1)]
    arithmetic = fold(Dare(drop=0.6, scaling=0.4), deltas, seed=11)
    is_close(arithmetic, 0.4 * np.sum([flat(delta) for delta in thinned], axis=0))
    elected = fold(Dare(drop=0.6, scaling=0.4, consensus="ties", keep=keep), deltas, seed=11)
    expected = fold(Ties(scaling=0.4, keep=keep), thinned)
    assert all(torch.equal(elected[name], expected[name]) for name in SHAPES)


def test_dare_without_a_drop_is_its_rule():
    deltas = vectors(3)
    for dare, rule in ((Dare(drop=0.0), TaskArithmetic()), (Dare(drop=0.0, consensus="ties"), Ties())):
        merged, expected = fold(dare, deltas), fold(rule, deltas)
        assert all(torch.equal(merged[name], expected[name]) for name in SHAPES)


def test_a_second_trim_takes_a_fifth_of_all_entries_and_mergekits_none():
    """Of 1000 entries, half dropped: 201 are left after TIES's trim, all survivors with keep = 1."""
    delta = {"w": torch.linspace(1, 2, 1000)}
    thinned = dropped(delta, 0.5, Context(2))
    method = Dare(scaling=1.0, consensus="ties")
    nothing = State({"w": torch.zeros(1000)})
    for keep, left in ((0.2, 201), (1.0, int(thinned["w"].count_nonzero()))):
        merged = method.model_copy(update={"keep": keep}).fuse(nothing, delta, Context(2)).delta["w"]
        assert merged.count_nonzero() == left


# --- MagMax ----------------------------------------------------------------------------------------------------------


def test_magmax_takes_the_larger_entry_and_the_later_of_equal_ones():
    steps = [single(1.0, -4.0, 2.0, 3.0), single(-3.0, 2.0, -2.0, 3.0)]
    assert fold(MagMax(), steps)["w"].tolist() == [-1.5, -2, -1, 1.5]
    assert fold(MagMax(), steps[::-1])["w"].tolist() == [-1.5, -2, 1, 1.5]


def test_magmax_of_identical_and_of_disjoint_vectors_and_of_scaled_ones():
    (delta,) = vectors(1)
    is_close(fold(MagMax(), [delta] * 3), 0.5 * flat(delta))
    assert fold(MagMax(), [single(2.0, 0.0), single(0.0, -6.0)])["w"].tolist() == [1, -3]
    deltas = vectors(3)
    doubled = [{name: 2 * tensor for name, tensor in delta.items()} for delta in deltas]
    merged = flat(fold(MagMax(), deltas))
    is_close(fold(MagMax(), doubled), 2 * merged)
    assert all((abs(merged) >= 0.5 * abs(flat(delta))).all() for delta in deltas)


# --- another implementation ------------------------------------------------------------------------------------------
#
# peft's rules are per tensor and keep ⌊k·n⌋ entries, ours per model with one entry more: on one tensor of 100 entries a
# share of 0.19 is its density of 0.2. It averages what agrees, weighs after the election, and gives a sum of 0 a plus.

ROWS, FACTORS = [torch.randn(10, 10, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2, 3)], [0.3] * 3


def test_ties_on_one_tensor_is_pefts():
    from peft.utils.merge_utils import magnitude_prune
    from peft.utils.merge_utils import ties as theirs

    rows = [(factor, {"w": row}) for factor, row in zip(FACTORS, ROWS, strict=True)]
    expected = theirs(ROWS, torch.tensor(FACTORS), density=0.2)
    torch.testing.assert_close(ties(rows, 0.19, mean=True)["w"], expected)
    trimmed = [ties([row], 0.19)["w"] for row in rows]
    torch.testing.assert_close(sum(trimmed), magnitude_prune(ROWS, torch.tensor(FACTORS), density=0.2))


def test_dare_with_the_same_draws_is_pefts(monkeypatch: pytest.MonkeyPatch):
    from peft.utils.merge_utils import dare_linear, dare_ties

    share = 0.5
    thinned = [dropped({"w": row}, share, Context(t, 3)) for t, row in enumerate(ROWS, start=1)]
    masks = iter([(delta["w"] != 0).float() for delta in thinned] * 2)
    monkeypatch.setattr(torch, "bernoulli", lambda densities: next(masks))
    linear = dare_linear(ROWS, torch.tensor(FACTORS), density=1 - share)
    torch.testing.assert_close(fold(Dare(drop=share), [{"w": row} for row in ROWS], seed=3)["w"], linear)
    elected = dare_ties(ROWS, torch.tensor(FACTORS), density=1 - share)
    untrimmed = ties([(factor, delta) for factor, delta in zip(FACTORS, thinned, strict=True)], 1.0, mean=True)
    torch.testing.assert_close(untrimmed["w"], elected)


def test_where_methods_stand_and_what_they_hold():
    assert [method.kind() for method in (Ties, Dare, MagMax, JointTies)] == ["none", "none", "none", "joint"]
    assert (Ties().model_copies, Dare().model_copies) == (5, 6)
