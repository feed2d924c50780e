"""Iso-C, Iso-CTS, TSV-M and WUDI: closed forms, and NumPy in float64 written from the papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from otmf_core.methods.base import Method, State
from otmf_core.methods.context import Context
from otmf_core.methods.iso import IsoC, JointIsoC, JointIsoCts
from otmf_core.methods.tsv import JointTsvM
from otmf_core.methods.wudi import JointWudi, Wudi
from otmf_core.models.matrices import matrices
from otmf_core.models.task_vector import StateDict

Array = np.ndarray
QKV, FC1, FC2 = "blocks.0.attn.qkv.weight", "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight"
OUT, NORM, POSITION = "head.proj.weight", "norm.weight", "pos_embed"
SHAPES = {QKV: (18, 6), FC1: (11, 6), FC2: (6, 11), OUT: (4, 6), NORM: (6,), POSITION: (7, 6)}
CONTINUAL: list[Method] = [IsoC(), Wudi(), Wudi(ridge=0.0), Wudi(solve="iterated", iterations=5, lr=0.01)]
JOINT: list[Method] = [
    JointIsoC(scaling=1.5),
    JointIsoCts(common=0.6),
    JointIsoCts(common=0.0, scaling=0.5),
    JointTsvM(scaling=0.7),
    JointWudi(),
    JointWudi(ridge=0.0, others="base"),
    JointWudi(solve="iterated", iterations=5, lr=0.01),
]


def vectors(count: int, dtype: torch.dtype = torch.float16) -> list[StateDict]:
    draws = torch.Generator().manual_seed(7)
    return [{n: torch.randn(shape, generator=draws).to(dtype) for n, shape in SHAPES.items()} for _ in range(count)]


def steps(method: Method, deltas: Sequence[StateDict]) -> StateDict:
    """Δ_m after all of these task vectors."""
    state: State | None = None
    for t, delta in enumerate(deltas, start=1):
        context = Context(t, vectors=tuple(deltas[:t]) if method.joint else ())
        state = method.fuse(state, delta, context) if state else method.begin(delta, context)
    assert state is not None
    return state.delta


def merged(method: Method, *values: Any, name: str = FC1) -> Array:
    """Δ_m of task vectors of a single matrix."""
    deltas: list[StateDict] = [{name: torch.as_tensor(np.asarray(each), dtype=torch.float32)} for each in values]
    return steps(method, deltas)[name].double().numpy()


def random(rows: int, columns: int, rank: int | None = None, seed: int = 0) -> Array:
    draws = np.random.default_rng(seed)
    if rank is None:
        return draws.standard_normal((rows, columns))
    return draws.standard_normal((rows, rank)) @ draws.standard_normal((rank, columns))


def several(count: int, rows: int, columns: int) -> list[Array]:
    return [random(rows, columns, seed=seed) for seed in range(count)]


def apart(count: int, size: int, rank: int, seed: int = 0) -> list[Array]:
    """Square matrices of that rank, whose row spaces, and column spaces, are orthogonal to each other's."""
    draws = np.random.default_rng(seed)
    left, right = (np.linalg.qr(draws.standard_normal((size, size)))[0] for _ in range(2))
    own = [slice(i * rank, (i + 1) * rank) for i in range(count)]
    return [left[:, each] @ np.diag(1 + draws.random(rank)) @ right[:, each].T for each in own]


def singular(matrix: Array) -> Array:
    return np.linalg.svd(matrix, compute_uv=False)


# --- float64, from the papers ----------------------------------------------------------------------------------------


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    return np.linalg.svd(matrix, full_matrices=False)


def polar(matrix: Array) -> Array:
    u, _, vh = svd(matrix)
    return u @ vh


def iso_c64(parts: Sequence[Array], scaling: float) -> Array:
    u, s, vh = svd(np.sum(parts, axis=0))
    return scaling * u @ np.diag(np.full_like(s, s.mean())) @ vh


def iso_cts64(parts: Sequence[Array], scaling: float, each: int) -> Array:
    u, s, vh = svd(np.sum(parts, axis=0))
    shared = len(s) - each * len(parts)
    left, values, right = [u[:, :shared]], [s[:shared]], [vh[:shared]]
    outside = np.eye(len(u)) - u[:, :shared] @ u[:, :shared].T
    for part in parts:
        own = svd(outside @ part)
        left.append(own[0][:, :each])
        values.append(own[1][:each])
        right.append(own[2][:each])
    return scaling * np.concatenate(values).mean() * polar(np.hstack(left)) @ polar(np.vstack(right))


def tsv_m64(parts: Sequence[Array], scaling: float, each: int) -> Array:
    triplets = [svd(part) for part in parts]
    left = polar(np.hstack([u[:, :each] for u, _, _ in triplets]))
    right = polar(np.vstack([vh[:each] for _, _, vh in triplets]))
    return scaling * left @ np.diag(np.concatenate([s[:each] for _, s, _ in triplets])) @ right


def wudi_gradient64(tau: Array, parts: Sequence[Array]) -> Array:
    """Of Σᵢ ‖(τ − τᵢ)τᵢᵀ‖²/‖τᵢ‖², task by task."""
    return sum((2 * (tau - part) @ part.T @ part / np.sum(part**2) for part in parts), np.zeros_like(tau))


def largest64(parts: Sequence[Array]) -> float:
    return np.linalg.eigvalsh(sum(part.T @ part / np.sum(part**2) for part in parts))[-1]


def adam64(parts: Sequence[Array], iterations: int, lr: float) -> Array:
    tau = np.sum(parts, axis=0)
    first, second = np.zeros_like(tau), np.zeros_like(tau)
    for t in range(1, iterations + 1):
        gradient = wudi_gradient64(tau, parts)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        tau = tau - lr * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
    return tau


SIZES = pytest.mark.parametrize(("rows", "columns"), [(9, 9), (14, 6), (6, 14)])


@SIZES
@pytest.mark.parametrize("tasks", [1, 2, 4])
def test_iso_c_is_the_papers(rows: int, columns: int, tasks: int):
    parts = several(tasks, rows, columns)
    np.testing.assert_allclose(merged(JointIsoC(scaling=1.5), *parts), iso_c64(parts, 1.5), atol=2e-5)


@SIZES
@pytest.mark.parametrize(
    ("tasks", "common", "each"),  # directions of every task, by hand: of 9, and of 6
    [(1, 0.8, (2, 2)), (2, 0.8, (1, 1)), (2, 0.5, (2, 2)), (3, 0.5, (2, 1)), (4, 0.8, (0, 0)), (4, 0.0, (2, 1))],
)
def test_iso_cts_is_the_papers(rows: int, columns: int, tasks: int, common: float, each: tuple[int, int]):
    parts = several(tasks, rows, columns)
    expected = iso_cts64(parts, 1.5, each[0 if rows == 9 else 1])
    np.testing.assert_allclose(merged(JointIsoCts(scaling=1.5, common=common), *parts), expected, atol=2e-5)


@SIZES
@pytest.mark.parametrize("tasks", [1, 2, 4])
def test_tsv_m_is_the_papers(rows: int, columns: int, tasks: int):
    parts = several(tasks, rows, columns)
    expected = tsv_m64(parts, 0.7, min(rows, columns) // tasks)
    np.testing.assert_allclose(merged(JointTsvM(scaling=0.7), *parts), expected, atol=2e-5)


@SIZES
@pytest.mark.parametrize("tasks", [1, 2, 4])
@pytest.mark.parametrize("ridge", [0.0, 0.03, 1.0])
def test_wudi_is_where_the_gradient_of_its_objective_and_of_the_ridge_is_zero(
    rows: int, columns: int, tasks: int, ridge: float
):
    parts = several(tasks, rows, columns)
    found = merged(JointWudi(ridge=ridge), *parts)
    gradient = wudi_gradient64(found, parts) + 2 * ridge * largest64(parts) * (found - np.sum(parts, axis=0))
    np.testing.assert_allclose(gradient, 0, atol=2e-6)


@SIZES
@pytest.mark.parametrize("iterations", [1, 2, 40])
def test_wudi_by_adam_is_adam_on_its_objective_from_the_sum(rows: int, columns: int, iterations: int):
    parts = several(3, rows, columns)
    found = merged(JointWudi(solve="iterated", iterations=iterations, lr=0.02), *parts)
    np.testing.assert_allclose(found, adam64(parts, iterations, 0.02), atol=2e-5)


def test_wudi_by_many_iterations_comes_to_the_closed_form():
    parts = several(3, 6, 6)
    found = merged(JointWudi(solve="iterated", iterations=3000, lr=0.01), *parts)
    np.testing.assert_allclose(found, merged(JointWudi(ridge=0), *parts), atol=1e-3)


# --- Iso-C and Iso-CTS -----------------------------------------------------------------------------------------------


def test_iso_c_gives_all_directions_the_mean_of_the_singular_values():
    parts = several(3, 8, 8)
    values = singular(np.sum(parts, axis=0))
    np.testing.assert_allclose(singular(merged(JointIsoC(), *parts)), np.full(8, values.mean()), rtol=1e-5)


def test_iso_c_of_a_flat_spectrum_changes_nothing():
    once = merged(JointIsoC(), *several(3, 8, 8))
    np.testing.assert_allclose(merged(JointIsoC(), once), once, atol=1e-5)


def test_iso_c_one_after_another_doubles_what_is_merged_again():
    delta = random(8, 8)
    np.testing.assert_allclose(merged(IsoC(), delta, delta), 2 * iso_c64([delta], 1.0), atol=2e-5)


def test_iso_c_leaves_directions_out_that_the_sum_lacks():
    parts = [random(9, 9, rank=2, seed=seed) for seed in range(2)]
    total = np.sum(parts, axis=0)
    found = merged(JointIsoC(), *parts)
    np.testing.assert_allclose(singular(found), [singular(total).sum() / 4] * 4 + [0] * 5, atol=1e-5)
    np.testing.assert_allclose(found, found @ np.linalg.pinv(total, rcond=1e-10) @ total, atol=1e-5)


@pytest.mark.parametrize(("tasks", "common"), [(4, 1.0), (1, 0.8), (1, 0.3), (4, 0.8)])
def test_iso_cts_is_iso_c_of_one_task_or_without_directions_of_the_tasks(tasks: int, common: float):
    parts = several(tasks, 8, 8)  # of four tasks each would get half of one of the 8 − 6 directions that are left
    expected = merged(JointIsoC(), *parts)
    np.testing.assert_allclose(merged(JointIsoCts(common=common), *parts), expected, atol=1e-5)


def test_iso_cts_has_every_tasks_own_direction_beside_those_of_the_sum():
    """Nine tasks share a direction, and each has one of its own, all orthogonal; half of the ten are the sum's."""
    left, right = (np.linalg.qr(random(10, 10, seed=seed))[0] for seed in (1, 2))
    parts = [left[:, [0]] @ right[:, [0]].T + 0.5 * left[:, [i]] @ right[:, [i]].T for i in range(1, 10)]
    expected = left @ np.diag([1.0] * 10) @ right.T * (9 + 9 * 0.5) / 10
    np.testing.assert_allclose(merged(JointIsoCts(common=0.1), *parts), expected, atol=1e-5)


# --- TSV-M -----------------------------------------------------------------------------------------------------------


def test_tsv_m_adds_up_what_is_orthogonal():
    parts = apart(3, size=12, rank=4)
    np.testing.assert_allclose(merged(JointTsvM(), *parts), np.sum(parts, axis=0), atol=1e-5)


def test_tsv_m_of_one_task_is_its_vector():
    delta = random(12, 7)
    np.testing.assert_allclose(merged(JointTsvM(), delta), delta, atol=1e-5)


def test_tsv_m_of_more_tasks_than_directions_keeps_one_of_each():
    parts = [random(3, 7, rank=1, seed=seed) for seed in range(4)]
    np.testing.assert_allclose(merged(JointTsvM(), *parts), tsv_m64(parts, 1.0, 1), atol=1e-5)


@pytest.mark.parametrize("tasks", [2, 3])
def test_tsv_m_of_one_vector_again_and_again_is_its_leading_directions(tasks: int):
    """The polar factors are [U … U]/√T and [V … V]/√T; the authors' code adds as much in arbitrary directions."""
    delta = random(12, 12)
    u, s, vh = svd(delta)
    kept = 12 // tasks
    found = merged(JointTsvM(), *[delta] * tasks)
    np.testing.assert_allclose(found, u[:, :kept] @ np.diag(s[:kept]) @ vh[:kept], atol=1e-5)


# --- WUDI ------------------------------------------------------------------------------------------------------------

ONE_BY_ONE: list[Method] = [Wudi(ridge=0.0), JointWudi(ridge=0.0)]


@pytest.mark.parametrize("method", ONE_BY_ONE, ids=repr)
@pytest.mark.parametrize("rank", [2, 6])
def test_wudi_of_one_vector_again_and_again_is_the_vector(method: Method, rank: int):
    delta = random(6, 9, rank=rank)
    np.testing.assert_allclose(merged(method, delta, delta, delta), delta, atol=1e-5)


@pytest.mark.parametrize("ridge", [0.0, 0.03, 1.0])
def test_wudi_adds_up_what_has_orthogonal_row_spaces(ridge: float):
    right = np.linalg.qr(random(12, 12))[0]
    parts = [random(5, 4, seed=i) @ right[:, 4 * i : 4 * i + 4].T for i in range(3)]
    for method in (Wudi(ridge=ridge), JointWudi(ridge=ridge)):
        np.testing.assert_allclose(merged(method, *parts), np.sum(parts, axis=0), atol=1e-5)


def test_wudi_averages_what_has_one_input_direction():
    left = np.linalg.qr(random(8, 3))[0]
    parts = [3 * left[:, [i]] @ random(1, 5) for i in range(3)]
    np.testing.assert_allclose(merged(JointWudi(ridge=0), *parts), np.mean(parts, axis=0), atol=1e-5)


def test_wudi_with_a_large_ridge_is_near_the_sum():
    parts = several(3, 6, 6)
    near, far = (np.abs(merged(JointWudi(ridge=r), *parts) - np.sum(parts, axis=0)).max() for r in (10, 0.1))
    assert near < 0.5 * far


def test_inputs_are_the_rows_of_open_clips_own_projection():
    parts = several(2, 6, 4)
    turned = merged(Wudi(), *(part.T for part in parts), name=OUT).T
    assert np.array_equal(merged(Wudi(), *parts, name="proj"), turned)


# --- task vectors ----------------------------------------------------------------------------------------------------

METHODS = pytest.mark.parametrize("method", CONTINUAL + JOINT, ids=repr)


def alone(method: Method, deltas: Sequence[StateDict], name: str, kind: str) -> Array:
    """Δ_m of this one matrix, merged by itself."""
    own = [m.values.float().numpy() for d in deltas for m in matrices(d) if (m.name, m.kind) == (name, kind)]
    return merged(method, *own)


@METHODS
def test_every_matrix_is_merged_on_its_own_q_k_and_v_too_and_all_else_by_its_mean(method: Method):
    deltas = vectors(3)
    found = steps(method, deltas)
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == SHAPES
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    kinds = set()
    for matrix in matrices(found):
        kinds.add(matrix.kind)
        expected = alone(method, deltas, matrix.name, matrix.kind)
        np.testing.assert_allclose(matrix.values.numpy(), expected, atol=1e-6)
    assert kinds == {"q", "k", "v", "fc1", "fc2", "out"}
    weights = (1 / 3, 1 / 3, 1 / 3) if method.joint else (1 / 4, 1 / 4, 1 / 2)  # the mean of two, again and again
    share = 0 if "others" in method.described() and method.settings()["others"] == "base" else 1
    for name in (NORM, POSITION):
        mean = sum(w * delta[name].double() for w, delta in zip(weights, deltas, strict=True))
        torch.testing.assert_close(found[name].double(), share * mean, atol=1e-6, rtol=0)


@METHODS
def test_the_first_step_is_the_vector_itself_or_the_joint_merge_of_it_alone(method: Method):
    (delta,) = vectors(1)
    found = steps(method, [delta])
    expected = {name: tensor.float() for name, tensor in delta.items()}
    if method.joint:
        expected = {**found, OUT: torch.from_numpy(alone(method, [delta], OUT, "out")).float()}
    for name in SHAPES:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-6 if method.joint else 0)


@METHODS
def test_no_vector_is_changed_and_the_result_is_the_same_again(method: Method):
    deltas, others = (vectors(3, torch.float32) for _ in range(2))
    found, again = steps(method, deltas), steps(method, others)
    for name in SHAPES:
        assert torch.equal(found[name], again[name])
        for own, new in zip(deltas, vectors(3, torch.float32), strict=True):
            assert torch.equal(own[name], new[name])


@METHODS
def test_zeros_stay_zeros(method: Method):
    assert not merged(method, np.zeros((6, 9)), np.zeros((6, 9))).any()


@pytest.mark.parametrize(
    ("method", "count", "flat"),
    [
        (IsoC(), 8, True),
        (JointIsoC(), 8, True),
        (JointIsoCts(common=0.5), 6, True),  # 4 of the sum, 2 of the one task that has any outside of them
        (JointTsvM(), 4, False),
        (Wudi(ridge=0.03), 8, False),
        (JointWudi(ridge=0.0), 8, False),
    ],
    ids=repr,
)
def test_beside_zeros_directions_come_from_the_other_vector_alone(method: Method, count: int, flat: bool):
    delta = random(8, 8)
    u, s, vh = svd(delta)
    values = np.full(count, s[:count].mean()) if flat else s[:count]
    expected = u[:, :count] @ np.diag(values) @ vh[:count]
    np.testing.assert_allclose(merged(method, np.zeros((8, 8)), delta), expected, atol=2e-5)


@pytest.mark.parametrize("method", [IsoC(), Wudi(), *JOINT[:-1]], ids=repr)
@pytest.mark.parametrize("factor", [2.0**-12, 2.0**9])
def test_what_is_solved_for_is_as_long_as_its_vectors(method: Method, factor: float):
    parts = several(3, 6, 9)
    found = merged(method, *(factor * part for part in parts))
    np.testing.assert_allclose(found / factor, merged(method, *parts), rtol=1e-4, atol=1e-5)


def test_both_wudis_have_the_same_settings_and_are_values():
    for method in (Wudi(), JointWudi()):
        assert list(method.settings()) == ["solve", "ridge", "iterations", "lr", "others"]
        with pytest.raises(ValueError, match="extra"):
            type(method)(width=3)  # type: ignore[call-arg]
        with pytest.raises(ValueError, match="frozen"):
            method.ridge = 0.1  # type: ignore[misc]
