"""OPCM, NUFILT and DOP: closed forms, and NumPy in float64 written from the papers with full decompositions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from otmf_core.methods.base import Method, State
from otmf_core.methods.context import Context
from otmf_core.methods.dop import Dop
from otmf_core.methods.nufilt import Nufilt
from otmf_core.methods.opcm import Opcm
from otmf_core.models.matrices import matrices
from otmf_core.models.task_vector import StateDict

PROJ = "blocks.0.attn.proj.weight"
FC1, FC2, BIAS, NORM = "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight", "blocks.0.mlp.fc1.bias", "norm.weight"
QKV = "blocks.0.attn.qkv.weight"
METHODS: list[Method] = [
    Opcm(),
    Opcm(zero_diagonal=True),
    Nufilt(filter_share=0.4),
    Nufilt(filter_share=0.4, adapter=False),
    Dop(),
]


def vector(seed: int, rank: int | None = None) -> StateDict:
    """Random float16 tensors of a block of width 5 with an MLP of width 12; matrices of that rank exactly, if given.

    fc1 has more than twice as many rows as columns, fc2 the other way round.
    """
    random = np.random.default_rng(seed)

    def of(rows: int, columns: int) -> torch.Tensor:
        values = random.standard_normal((rows, columns))
        if rank:
            values = random.integers(-3, 4, (rows, rank)) @ random.integers(-3, 4, (rank, columns)).astype(float)
        return torch.from_numpy(values).half()

    return {
        QKV: torch.cat([of(5, 5) for _ in "qkv"]), PROJ: of(5, 5), FC1: of(12, 5), FC2: of(5, 12),
        BIAS: of(1, 12)[0], NORM: of(1, 5)[0],
    }  # fmt: skip


def one(values: Any, name: str = PROJ) -> StateDict:
    """A task vector of a single tensor."""
    return {name: torch.as_tensor(np.asarray(values), dtype=torch.float32)}


def steps(method: Method, *vectors: StateDict, seed: int = 0) -> State:
    """The state after all of these task vectors."""
    state = method.begin(vectors[0], Context(step=1, seed=seed))
    for step, incoming in enumerate(vectors[1:], start=2):
        state = method.fuse(state, incoming, Context(step=step, seed=seed))
    return state


def merged(method: Method, *values: Any, name: str = PROJ) -> np.ndarray:
    """Δ_m of task vectors of a single tensor."""
    return steps(method, *(one(each, name) for each in values)).delta[name].double().numpy()


def doubles(delta: StateDict) -> dict[str, np.ndarray]:
    """A copy in float64, whose q, k and v can be written to as in the task vector itself."""
    return {name: tensor.double().numpy().copy() for name, tensor in delta.items()}


def places(delta: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Views of all matrices, q, k and v apart."""
    return {
        f"{matrix.name} {matrix.kind}": matrix.values.numpy()
        for matrix in matrices({name: torch.from_numpy(values) for name, values in delta.items()})
    }


def low_rank(rows: int, columns: int, rank: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.standard_normal((rows, rank)) @ random.standard_normal((rank, columns))


def basis(*axes: int, size: int = 4) -> np.ndarray:
    return np.eye(size)[:, list(axes)]


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_fusion_is_repeatable_changes_nothing_and_gives_float32(method: Method, tmp_path: Path):
    first, second = vector(1), vector(2)
    state = method.begin(first, Context(step=1))
    fused = method.fuse(state, second, Context(step=2))
    again = method.replay(state, second, Context(step=2), tmp_path)
    assert list(fused.delta) == list(first)
    assert all(tensor.dtype == torch.float32 and tensor.isfinite().all() for tensor in fused.delta.values())
    assert all(torch.equal(again.delta[name], fused.delta[name]) for name in first)
    assert again.numbers == fused.numbers
    begun = method.begin(vector(1), Context(step=1))
    assert all(torch.equal(state.delta[name], begun.delta[name]) for name in first)
    for given, expected in ((first, vector(1)), (second, vector(2))):
        assert all(torch.equal(given[name], expected[name]) for name in expected)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_matrix_that_one_vector_lacks_and_one_that_both_lack(method: Method):
    empty, full = np.zeros((4, 4)), low_rank(4, 4, 3, seed=1)
    assert (merged(method, empty, empty) == 0).all()
    for pair in ((empty, full), (full, empty)):
        result = merged(method, *pair)
        # what remains is the vector itself, at half its norm where norms are kept at their mean
        np.testing.assert_allclose(result, full / 2 if isinstance(method, Opcm) else full, atol=1e-5)


# --- OPCM -------------------------------------------------------------------------------------------------------------


def opcm_by_full_svd(vectors: list[StateDict], alpha: float, zero_diagonal: bool) -> tuple[dict, float]:
    """Δ_m and λ as published, with full bases, and with the norms of all vectors in hand."""
    norms, merged, scale = [], {}, 1.0
    for incoming in map(doubles, vectors):
        norms.append(np.sqrt(sum((values**2).sum() for values in incoming.values())))
        if not merged:
            merged = incoming
            continue
        total = {name: scale * merged[name] + incoming[name] for name in merged}
        into, before, arriving = (places(each) for each in (total, merged, incoming))
        for place, pre in before.items():
            u, sigma, vh = np.linalg.svd(pre, full_matrices=True)
            above = np.flatnonzero(np.cumsum(sigma) / sigma.sum() > alpha)
            protected = above[0] if len(above) else 0
            projected = u.T @ arriving[place] @ vh.T
            if zero_diagonal:
                for index in range(np.linalg.matrix_rank(pre, tol=1e-6 * sigma[0])):
                    projected[index, index] = 0
            projected[:protected, :protected] = 0
            into[place][...] = scale * pre + u @ projected @ vh
        norm = np.sqrt(sum((values**2).sum() for values in total.values()))
        merged = {name: values * np.mean(norms) / norm for name, values in total.items()}
        scale = norm / np.mean(norms)
    return merged, scale


@pytest.mark.parametrize("zero_diagonal", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("rank", [None, 1, 3])
def test_opcm_by_thin_svds_is_opcm_by_full_ones(zero_diagonal: bool, alpha: float, rank: int | None):
    # of a low rank two alone: what sums in float32 leave of one is of full rank
    vectors = [vector(seed, rank) for seed in range(2 if rank else 4)]
    expected, scale = opcm_by_full_svd(vectors, alpha, zero_diagonal)
    state = steps(Opcm(alpha=alpha, zero_diagonal=zero_diagonal), *vectors)
    for name, values in expected.items():
        np.testing.assert_allclose(state.delta[name].numpy(), values, atol=1e-4)
    assert state.numbers == {"lambda": pytest.approx(scale, rel=1e-5)}


def test_opcm_keeps_the_mean_norm_at_every_step():
    vectors = [{name: (t + 1) * tensor for name, tensor in vector(t).items()} for t in range(5)]
    norms = [np.sqrt(sum((values**2).sum() for values in doubles(each).values())) for each in vectors]
    for t in range(1, 6):
        delta = steps(Opcm(), *vectors[:t]).delta
        norm = np.sqrt(sum((values**2).sum() for values in doubles(delta).values()))
        assert norm == pytest.approx(np.mean(norms[:t]), rel=1e-5)


def test_opcm_takes_nothing_from_the_same_vector_again_where_the_diagonal_is_zeroed():
    delta = low_rank(6, 4, 3, seed=2)
    state = steps(Opcm(zero_diagonal=True), one(delta), one(delta))
    np.testing.assert_allclose(state.delta[PROJ].numpy(), delta, atol=1e-5)
    assert state.numbers["lambda"] == pytest.approx(1, abs=1e-6)


def test_opcm_as_published_takes_the_tail_of_the_same_vector_again():
    delta = np.diag([4.0, 3, 2, 1])  # shares 0.4, 0.7, 0.9, 1
    for alpha, total in ((0.3, [8, 6, 4, 2]), (0.5, [4, 6, 4, 2]), (0.8, [4, 3, 4, 2]), (0.95, [4, 3, 2, 2])):
        result = merged(Opcm(alpha=alpha), delta, delta)
        np.testing.assert_allclose(result, np.diag(total) * np.linalg.norm(delta) / np.linalg.norm(total), atol=1e-5)


def test_opcm_protects_leading_directions_whose_cumulative_share_is_up_to_alpha():
    """σ = (3, 1.1, 0.9): the first has 0.6 of the sum, which 0.5 does not reach; the second 0.82."""
    for alpha, protected in ((0.5, 0), (0.7, 1), (0.85, 2)):
        ones = np.ones((3, 3))
        ones[:protected, :protected] = 0
        total = np.diag([3, 1.1, 0.9]) + ones
        result = merged(Opcm(alpha=alpha), np.diag([3, 1.1, 0.9]), np.ones((3, 3)))
        np.testing.assert_allclose(result / np.linalg.norm(result), total / np.linalg.norm(total), atol=1e-5)


def test_opcm_of_orthogonal_vectors_of_rank_one():
    first, second = 2 * basis(0) @ basis(1).T, 2 * basis(2) @ basis(3).T
    state = steps(Opcm(), one(first), one(second))
    np.testing.assert_allclose(state.delta[PROJ].numpy(), (first + second) / np.sqrt(2), atol=1e-6)
    assert state.numbers["lambda"] == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("zero_diagonal", [False, True])
def test_opcm_takes_in_whole_what_only_shares_output_directions(zero_diagonal: bool):
    first, second = basis(0) @ basis(1).T, basis(0) @ basis(2).T
    result = merged(Opcm(zero_diagonal=zero_diagonal), first, second)
    np.testing.assert_allclose(result, (first + second) / np.sqrt(2), atol=1e-6)


def test_opcm_holds_one_more_copy_of_the_model_than_a_sum():
    assert (Opcm().model_copies, Nufilt().model_copies, Dop().model_copies) == (6, 5, 5)


def test_opcm_adds_all_that_is_no_matrix():
    first, second = vector(1), vector(2)
    state = steps(Opcm(alpha=0.9), first, second)
    for name in (BIAS, NORM):
        total = first[name].double() + second[name].double()
        torch.testing.assert_close(state.numbers["lambda"] * state.delta[name].double(), total, rtol=1e-4, atol=1e-5)


# --- NUFILT -----------------------------------------------------------------------------------------------------------


def leading(values: np.ndarray, count: int) -> np.ndarray:
    """The leading right singular vectors, as columns, from the eigenvectors of ΔᵀΔ."""
    return np.linalg.eigh(values.T @ values)[1][:, ::-1][:, :count]


def adam(values: dict[str, np.ndarray], gradients: Any, iterations: int, lr: float) -> None:
    """Adam as in arXiv 1412.6980 with its defaults, in place."""
    mean, square = ({name: np.zeros_like(each) for name, each in values.items()} for _ in range(2))
    for number in range(1, iterations + 1):
        for name, gradient in gradients().items():
            mean[name] = 0.9 * mean[name] + 0.1 * gradient
            square[name] = 0.999 * square[name] + 0.001 * gradient**2
            step = mean[name] / (1 - 0.9**number) / (np.sqrt(square[name] / (1 - 0.999**number)) + 1e-8)
            values[name] -= lr * step


@pytest.mark.parametrize(("rows", "columns", "count"), [(140, 768, 128), (24, 128, 21), (12, 5, 1)])
def test_the_default_filter_is_128_directions_of_768_and_in_proportion(rows: int, columns: int, count: int):
    random = np.random.default_rng(3)
    pre, post = random.standard_normal((2, rows, columns))
    kept = leading(pre, count)
    expected = pre + post @ (np.eye(columns) - kept @ kept.T)
    np.testing.assert_allclose(merged(Nufilt(adapter=False), pre, post), expected, atol=1e-3)


def test_the_adapter_is_that_of_the_papers_loss_trained_by_adam():
    """Both squares of the loss apart, their gradients by hand, on fc1 of the second step."""
    random = np.random.default_rng(4)
    pre, post = random.standard_normal((2, 12, 6)) * np.geomspace(3, 0.3, 6)
    kept, own = leading(pre, 2), leading(post, 3)
    base = pre + post @ (np.eye(6) - kept @ kept.T)
    drawn = np.random.default_rng([11, 2]).standard_normal((4, 6), dtype="float32")
    values = {"a": 0.02 * drawn.astype(np.float64), "b": np.zeros((6, 4))}

    def gradients() -> dict[str, np.ndarray]:
        total = {"a": np.zeros((4, 6)), "b": np.zeros((6, 4))}
        for target, directions in ((post, own), (pre, kept)):
            rest = (base + post @ values["b"] @ values["a"] - target) @ directions
            outer = 2 * post.T @ rest @ directions.T  # of BA
            total["b"] += outer @ values["a"].T
            total["a"] += values["b"].T @ outer
        return total

    adam(values, gradients, iterations=30, lr=0.01)
    settings = Nufilt(filter_share=2 / 6, adapter_rank=4, adapter_directions=3, adapter_iterations=30, adapter_lr=0.01)
    result = steps(settings, one(pre, FC1), one(post, FC1), seed=11).delta[FC1].double().numpy()
    assert np.abs(post @ values["b"] @ values["a"]).max() > 0.1
    np.testing.assert_allclose(result, base + post @ values["b"] @ values["a"], atol=2e-3)


def test_nufilt_merges_attention_and_fc1_alone_and_begins_with_the_first_of_it():
    first, second = vector(1), vector(2)
    begun = steps(Nufilt(), first).delta
    summed = steps(Nufilt(filter_share=0, adapter=False), first, second).delta
    for name in first:
        selected = name in (QKV, PROJ, FC1)
        torch.testing.assert_close(begun[name], first[name].float() if selected else torch.zeros_like(begun[name]))
        expected = first[name].double() + second[name].double() if selected else torch.zeros_like(second[name])
        torch.testing.assert_close(summed[name].double(), expected.double(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("adapter", [False, True])
def test_nufilt_adds_vectors_whose_inputs_are_orthogonal(adapter: bool):
    random = np.random.default_rng(5)
    pre, post = (random.standard_normal((4, 2)) @ basis(*axes).T for axes in ((0, 1), (2, 3)))
    np.testing.assert_allclose(merged(Nufilt(filter_share=1, adapter=adapter), pre, post), pre + post, atol=1e-3)


def test_the_filter_leaves_alone_what_the_merged_vector_does_with_its_leading_inputs():
    random = np.random.default_rng(6)
    pre, post = random.standard_normal((2, 7, 5))
    kept = leading(pre, 2)
    result = merged(Nufilt(filter_share=0.4, adapter=False), pre, post)
    np.testing.assert_allclose(result @ kept, pre @ kept, atol=1e-5)
    assert np.abs(result - pre).max() > 0.1


def test_the_filter_takes_the_same_vector_in_but_once():
    delta = low_rank(6, 5, 2, seed=7)
    for share in (0.4, 1.0):
        np.testing.assert_allclose(merged(Nufilt(filter_share=share, adapter=False), delta, delta), delta, atol=1e-5)


def test_the_filter_takes_no_direction_that_the_merged_vector_lacks():
    pre, post = np.outer(basis(0), basis(0)), np.ones((4, 4))
    expected = pre + post
    expected[:, 0] -= 1
    np.testing.assert_allclose(merged(Nufilt(filter_share=1, adapter=False), pre, post), expected, atol=1e-6)


def test_the_adapter_is_drawn_from_seed_and_step():
    vectors = vector(1), vector(2)
    zero, again, other = (steps(Nufilt(), *vectors, seed=seed).delta for seed in (0, 0, 1))
    assert all(torch.equal(zero[name], again[name]) for name in zero)
    assert not torch.equal(zero[PROJ], other[PROJ])
    state = Nufilt().begin(vectors[0], Context(step=1))
    assert not torch.equal(zero[PROJ], Nufilt().fuse(state, vectors[1], Context(step=3)).delta[PROJ])


# --- DOP --------------------------------------------------------------------------------------------------------------


def dop_by_least_squares(deltas: list[np.ndarray], weights: tuple[float, float]) -> np.ndarray:
    """The D of least norm that minimises the paper's loss, its squares stacked as one linear least-squares problem."""
    rows, columns = deltas[0].shape
    blocks, targets = [], []
    for delta, weight in zip(deltas, weights, strict=True):
        u, sigma, vh = np.linalg.svd(delta, full_matrices=False)
        for left, right in ((np.diag(sigma) @ u.T, np.eye(columns)), (np.eye(rows), vh.T @ np.diag(sigma))):
            blocks.append(np.sqrt(weight) * np.kron(left, right.T))  # of entries row by row
            targets.append(np.sqrt(weight) * (left @ delta @ right).ravel())
    solution, *_ = np.linalg.lstsq(np.concatenate(blocks), np.concatenate(targets), rcond=1e-5)
    return solution.reshape(rows, columns)


@pytest.mark.parametrize("alpha", [0.3, 0.8])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (9, 3), (3, 9)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_dop_is_the_minimum_of_the_papers_loss(alpha: float, shape: tuple[int, int], rank: int):
    pre, post = (low_rank(*shape, rank, seed) for seed in (1, 2))
    pre, post = (each.astype(np.float32).astype(np.float64) for each in (pre, post))
    expected = dop_by_least_squares([pre, post], (alpha, 1 - alpha))
    np.testing.assert_allclose(merged(Dop(alpha=alpha), pre, post), expected, atol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_dop_of_the_same_vector_is_that_vector(alpha: float):
    delta = low_rank(9, 4, 3, seed=3)
    np.testing.assert_allclose(merged(Dop(alpha=alpha), delta, delta), delta, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_dop_adds_vectors_without_a_common_direction_whatever_the_weights(alpha: float):
    random = np.random.default_rng(4)
    pre, post = (basis(*axes) @ random.standard_normal((2, 2)) @ basis(*axes).T for axes in ((0, 1), (2, 3)))
    np.testing.assert_allclose(merged(Dop(alpha=alpha), pre, post), pre + post, atol=1e-5)


def test_dop_with_all_weight_on_one_vector_is_that_vector():
    pre, post = low_rank(6, 4, 4, seed=5), low_rank(6, 4, 4, seed=6)
    np.testing.assert_allclose(merged(Dop(alpha=1), pre, post), pre, atol=1e-5)
    np.testing.assert_allclose(merged(Dop(alpha=0), pre, post), post, atol=1e-5)


def test_dop_averages_all_that_is_no_matrix():
    first, second = vector(1), vector(2)
    result = steps(Dop(), first, second).delta
    for name in (BIAS, NORM):
        torch.testing.assert_close(result[name].double(), (first[name].double() + second[name].double()) / 2)
