"""MINGLE against closed forms and NumPy in float64: experts, gates, what holds them off, and what a step leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from otmf_core import layout
from otmf_core.errors import InputError, Interrupted
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.methods.experts import Experts, low_rank, read, with_experts
from otmf_core.methods.gates import Course, Gates, directions, joined_bases
from otmf_core.methods.mingle import Mingle, StaticMingle
from otmf_core.models.base import Tower
from otmf_core.models.matrices import IN_BLOCKS, matrices
from otmf_core.models.task_vector import StateDict
from tests.fusion import context_of
from tests.tiny import is_one_sentence

FC1 = "transformer.resblocks.0.mlp.c_fc.weight"
SHORT: dict[str, Any] = {"iterations": 6, "batch": 6, "lr": 0.01, "rank": 5}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


# --- experts ----------------------------------------------------------------------------------------------------------


def expert_by_numpy(values: Tensor, earlier: Tensor, rank: int) -> np.ndarray:
    """BA by the full bases: P = UᵀΔV with its leading block at zero, UPVᵀ, and its truncated SVD."""
    delta, total = values.numpy().astype(float), earlier.numpy().astype(float)
    u, singular, vh = np.linalg.svd(total, full_matrices=True)
    shares = singular[singular > 1e-6 * singular[0]] / singular.sum()
    effective = int(np.exp(-(shares * np.log(shares)).sum()))
    projected = u.T @ delta @ vh.T
    projected[:effective, :effective] = 0
    u, singular, vh = np.linalg.svd(u @ projected @ vh, full_matrices=False)
    return (u[:, :rank] * singular[:rank]) @ vh[:rank]


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (7, 7)])
@pytest.mark.parametrize("rank", [1, 3, 64])
@pytest.mark.parametrize("of_earlier", [1, 2, 5])
def test_an_expert_is_what_numpy_says(shape: tuple[int, int], rank: int, of_earlier: int):
    earlier = random(shape[0], of_earlier, seed=1) @ random(of_earlier, shape[1], seed=2)
    values = random(*shape, seed=3)
    left, right = low_rank(values, earlier, rank)
    assert left.shape == (shape[0], min(rank, *shape)) and right.shape == (min(rank, *shape), shape[1])
    np.testing.assert_allclose((left @ right).numpy(), expert_by_numpy(values, earlier, rank), atol=2e-5)


def test_of_orthogonal_tasks_the_second_expert_is_the_truncated_svd_of_its_own():
    first, second = torch.zeros(8, 6), torch.zeros(8, 6)
    first[:4, :3], second[4:, 3:] = random(4, 3, seed=1), random(4, 3, seed=2)
    left, right = low_rank(second, first, 2)
    u, singular, vh = np.linalg.svd(second.numpy().astype(float))
    np.testing.assert_allclose((left @ right).numpy(), (u[:, :2] * singular[:2]) @ vh[:2], atol=1e-5)


def test_of_a_repeated_task_the_leading_directions_are_left_out():
    basis = torch.linalg.qr(random(6, 6)).Q
    delta = basis @ torch.diag(torch.tensor([8.0, 8, 8, 0.5, 0.5, 0.5])) @ basis.T
    left, right = low_rank(delta, delta, 6)
    singular = np.array([8, 8, 8, 0.5, 0.5, 0.5]) / 25.5
    effective = int(np.exp(-(singular * np.log(singular)).sum()))
    assert effective == 3
    np.testing.assert_allclose(torch.linalg.svdvals(left @ right).numpy(), [0.5] * 3 + [0] * 3, atol=1e-5)


# --- the static form --------------------------------------------------------------------------------------------------


def deltas(base: Mapping[str, Tensor], count: int) -> list[StateDict]:
    generator = torch.Generator().manual_seed(4)
    return [{n: 0.05 * torch.randn(t.shape, generator=generator).half() for n, t in base.items()} for _ in range(count)]


def test_the_static_form_is_the_sum_of_its_experts_at_one_gate(tmp_path: Path):
    _, _, base = context_of(tmp_path)
    method, vectors = StaticMingle(gate=0.4, rank=5), deltas(base, 3)
    state = method.begin(vectors[0], Context(1))
    for t, vector in enumerate(vectors[1:], start=2):
        state = method.fuse(state, vector, Context(t))
    expected = {name: np.zeros(tuple(tensor.shape)) for name, tensor in base.items()}
    parts = zip(*map(matrices, vectors), strict=True)
    for matrix, target in zip(parts, matrices({n: torch.from_numpy(t) for n, t in expected.items()}), strict=True):
        if matrix[0].kind not in IN_BLOCKS:
            continue
        total = torch.zeros(matrix[0].values.shape)
        for number, part in enumerate(matrix):
            own = part.values.float()
            if number:
                total = total + torch.from_numpy(expert_by_numpy(own, total, 5)).float()
            else:
                u, singular, vh = torch.linalg.svd(own, full_matrices=False)
                total = (u[:, :5] * singular[:5]) @ vh[:5]
        target.values.copy_(0.4 * total)
    for name, tensor in state.delta.items():
        assert tensor.dtype == torch.float32
        np.testing.assert_allclose(tensor.numpy(), expected[name], atol=1e-5)
    assert not state.delta["proj"].any() and not state.delta["ln_post.weight"].any()
    assert state.delta[FC1].any() and not state.tensors and not state.numbers


# --- the grown model --------------------------------------------------------------------------------------------------


def asked(folder: Path, rows: list | None = None) -> list[Context]:
    """The contexts of three steps, each with a folder of its own."""
    context, learning, _ = context_of(folder, rows)
    steps = []
    for t in (1, 2, 3):
        own = replace(learning, calibration=learning.calibration[:t], results=folder / str(t))
        steps.append(replace(context, step=t, learning=replace(own, unfinished=folder / f"{t}.safetensors")))
    return steps


def tower_of(context: Context) -> Tower:
    assert context.learning is not None
    return context.learning.tower


def merged(method: Mingle, steps: list[Context]) -> State:
    first, *others = deltas(tower_of(steps[0]).base, len(steps))
    state = method.begin(first, steps[0])
    for vector, context in zip(others, steps[1:], strict=True):
        state = method.fuse(state, vector, context)
    return state


def with_gates(state: State, weight: float, bias: float) -> State:
    """The state with all weights and all biases of its gates at these values."""
    values = {"weights": weight, "biases": bias}
    changed = {n: torch.full_like(t, values.get(n.rpartition("/")[2], 0)) for n, t in state.tensors.items()}
    kept = {n: t for n, t in state.tensors.items() if n.rpartition("/")[2] not in values}
    return replace(state, tensors={**changed, **kept})


def images_of(context: Context) -> Tensor:
    assert context.learning is not None
    inputs = context.learning.calibration[-1].inputs
    assert isinstance(inputs, Tensor)
    return inputs


def test_gates_at_zero_leave_the_pre_trained_model(tmp_path: Path):
    steps = asked(tmp_path)
    state = merged(Mingle(**SHORT), steps)
    tower, images = tower_of(steps[2]), images_of(steps[2])
    assert all(not tensor.any() for tensor in state.delta.values())
    closed = Mingle(**SHORT).deployed(with_gates(state, 0, 0), tower).features(images, "images")
    learned = Mingle(**SHORT).deployed(state, tower).features(images, "images")
    tower.load()
    expected = tower.features(images, "images")
    torch.testing.assert_close(closed, expected, rtol=1e-5, atol=1e-5)
    assert (learned - expected).abs().max() > 1e-3


@pytest.mark.parametrize("routing", ["sample", "batch"])
def test_gates_at_a_constant_are_the_static_form(routing: Any, tmp_path: Path):
    steps = asked(tmp_path)
    method = Mingle(**SHORT, routing=routing)
    state = with_gates(merged(method, steps), 0, 0.3)
    tower, images = tower_of(steps[2]), images_of(steps[2])
    found = method.deployed(state, tower).features(images, "images")
    static = StaticMingle(gate=0.3, rank=5)
    vectors = deltas(tower.base, 3)
    single = static.begin(vectors[0], Context(1))
    for t, vector in enumerate(vectors[1:], start=2):
        single = static.fuse(single, vector, Context(t))
    expected = static.deployed(single, tower).features(images, "images")
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_an_image_is_routed_by_itself_or_by_its_batch(tmp_path: Path):
    steps = asked(tmp_path)
    state = merged(Mingle(**SHORT), steps)
    tower, images = tower_of(steps[2]), images_of(steps[2])
    routings: list[tuple[Any, bool]] = [("sample", False), ("batch", True)]
    for routing, apart in routings:
        model = Mingle(**SHORT, routing=routing).deployed(state, tower)
        alone, among = model.features(images[:1], "images"), model.features(images, "images")[:1]
        assert ((alone - among).abs().max() > 1e-5) == apart


def mixed(own: Experts, gates: np.ndarray) -> np.ndarray:
    """The matrix of two experts of rank 3 at these gates, in float64."""
    left, right = own.left.numpy().astype(float), own.right.numpy().astype(float)
    return gates[0] * left[:, :3] @ right[:3] + gates[1] * left[:, 3:] @ right[3:]


def test_a_gate_is_affine_in_the_mean_token():
    own = Experts(random(4, 6, seed=1), random(6, 3, seed=2), random(2, 3, seed=3), random(2, seed=4))
    x = random(5, 7, 3, seed=5)
    expected = np.zeros((5, 7, 4))
    for image in range(5):
        gates = x[image].numpy().astype(float).mean(0) @ own.weights.numpy().T + own.biases.numpy()
        expected[image] = x[image].numpy() @ mixed(own, gates).T
    np.testing.assert_allclose(own(x).numpy(), expected, atol=1e-5)
    pooled = replace(own, pooled=True)(x)
    gates = x.numpy().astype(float).mean((0, 1)) @ own.weights.numpy().T + own.biases.numpy()
    np.testing.assert_allclose(pooled.numpy(), x.numpy() @ mixed(own, gates).T, atol=1e-5)


def test_what_is_added_is_as_many_parameters_as_said(tmp_path: Path):
    steps = asked(tmp_path)
    for rank in (5, 64):
        method = Mingle(**{**SHORT, "rank": rank})
        state = merged(method, steps)
        shapes = {name: tuple(tensor.shape) for name, tensor in state.delta.items()}
        held = sum(tensor.numel() for name, tensor in state.tensors.items() if not name.endswith("basis"))
        assert method.parameters_beside(shapes, 3) == held
    assert StaticMingle().parameters_beside(shapes, 3) == 0


# --- gates ------------------------------------------------------------------------------------------------------------

PLACE = ("layer.weight", "fc1")


def gates_of(basis: Tensor, course: Course) -> Gates:
    own = Experts(random(4, 2, seed=1), random(2, 6, seed=2), random(1, 6, seed=3), random(1, seed=4))
    return Gates({PLACE: own}, {PLACE: basis}, course)


def loss_of(target: Tensor) -> Any:
    return lambda experts: ((experts[PLACE].weights[-1] - target).square().sum() + experts[PLACE].biases[-1] ** 2) / 2


def test_a_whole_basis_without_relaxation_holds_a_gates_weights_still():
    gates = gates_of(torch.eye(6), Course(5, 4, 0.1, gamma=0, beta=0.99))
    before = {name: value.clone() for name, value in gates.values.items()}
    for _ in range(5):
        gates.step(loss_of(torch.zeros(6)))
    weight, bias = "layer.weight/fc1/weight", "layer.weight/fc1/bias"
    assert torch.equal(gates.values[weight], before[weight])
    assert (gates.values[bias] - before[bias]).abs() > 0.1


def test_gates_move_as_numpy_says():
    """Projection with relaxation, then Adam on what is left of the gradient; the bias by Adam alone."""
    course = Course(4, 4, 0.05, gamma=2.0, beta=0.6)
    basis = torch.linalg.qr(random(6, 2, seed=7)).Q
    gates, target = gates_of(basis, course), random(6, seed=8)
    values = {name: value.numpy().astype(float) for name, value in gates.values.items()}
    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in values.items()}
    h, u = np.zeros(2), basis.numpy().astype(float)
    weight, bias = values
    for count in range(1, 5):
        gates.step(loss_of(target))
        gradients = {weight: values[weight] - target.numpy(), bias: values[bias]}
        g = gradients[weight]
        h = 0.6 * h + 0.4 * np.abs(g @ u) / np.linalg.norm(g)
        gradients[weight] = g - u @ (np.exp(-2.0 * h) * (g @ u))
        for name, gradient in gradients.items():
            first, second = moments[name]
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            moments[name] = first, second
            values[name] = values[name] - 0.05 * (first / (1 - 0.9**count)) / (
                np.sqrt(second / (1 - 0.999**count)) + 1e-8
            )
    for name, value in values.items():
        np.testing.assert_allclose(gates.values[name].numpy(), value, atol=1e-5)


def test_earlier_gates_and_experts_stay_as_they_were(tmp_path: Path):
    steps = asked(tmp_path)
    method = Mingle(**SHORT)
    two = merged(method, steps[:2])
    three = method.fuse(two, deltas(tower_of(steps[0]).base, 3)[2], steps[2])
    before, after = (read(state.tensors, state.delta, False) for state in (two, three))
    for place, own in before.items():
        assert torch.equal(after[place].weights[:2], own.weights) and torch.equal(after[place].biases[:2], own.biases)
        assert torch.equal(after[place].left[:, :10], own.left) and torch.equal(after[place].right[:10], own.right)
        assert (after[place].biases[2] != 0) and len(after[place].weights) == 3


def test_the_directions_of_a_task_are_those_of_its_tokens(tmp_path: Path):
    steps = asked(tmp_path)
    assert steps[2].learning is not None
    tower, images = tower_of(steps[2]), images_of(steps[2])
    seen: list[np.ndarray] = []
    hook = tower.module.get_submodule(FC1.removesuffix(".weight")).register_forward_pre_hook(
        lambda layer, inputs: seen.append(inputs[0].detach().double().flatten(0, 1).numpy())
    )
    tower.load()
    tower.features(images, "images")
    hook.remove()
    _, vectors = np.linalg.eigh(seen[0].T @ seen[0])
    closed = with_gates(merged(Mingle(**SHORT), steps[:1]), 0, 0)
    tower.load()
    found = directions(read(closed.tensors, closed.delta, False), 3, steps[2].learning)[FC1, "fc1"].numpy()
    np.testing.assert_allclose(found @ found.T, vectors[:, -3:] @ vectors[:, -3:].T, atol=1e-4)


def test_directions_of_all_tasks_are_kept_as_one_orthonormal_basis(tmp_path: Path):
    earlier, new = torch.linalg.qr(random(8, 3, seed=1)).Q, random(8, 2, seed=2)
    joined = joined_bases({PLACE: earlier}, {PLACE: new})[PLACE]
    torch.testing.assert_close(joined.T @ joined, torch.eye(5), rtol=0, atol=1e-5)
    for old in (earlier, new):
        torch.testing.assert_close(joined @ (joined.T @ old), old, rtol=0, atol=1e-5)
    state = merged(Mingle(**SHORT, directions=2), asked(tmp_path))
    assert state.tensors[f"{FC1}/fc1/basis"].shape == (32, 6)


def test_learning_lowers_the_loss_and_is_told(tmp_path: Path):
    rows: list = []
    merged(Mingle(**{**SHORT, "iterations": 40}), asked(tmp_path, rows)[:1])
    losses = [row["loss_post"] for row in rows]
    assert len(losses) == 40 and np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    assert {row["loss_pre"] for row in rows} == {None}


# --- what a step leaves, and going on ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 6])
@pytest.mark.parametrize("step", [1, 3])
def test_a_step_that_is_stopped_goes_on_bit_for_bit(after: int, step: int, tmp_path: Path):
    method, through = Mingle(**SHORT), []
    vectors = deltas(tower_of(asked(tmp_path)[0]).base, 3)

    def go(folder: Path, rows: list, stop_after: int | None = None) -> State:
        state = None
        for t, context in enumerate(asked(folder, rows)[:step], start=1):
            assert context.learning is not None
            if t == step:
                rows.clear()
            if t == step and stop_after is not None:
                stopping = replace(context.learning, should_stop=lambda: len(rows) == stop_after)
                context = replace(context, learning=stopping)
            state = method.fuse(state, vectors[t - 1], context) if state else method.begin(vectors[t - 1], context)
        assert state is not None
        return state

    expected = go(tmp_path / "through", through)
    if after < 6:
        with pytest.raises(Interrupted, match=f"^stopped at step {step}, iteration {after} of 6$"):
            go(tmp_path / "run", [], after)
    else:  # killed after the last iteration, in what follows
        go(tmp_path / "run", [])
    found = go(tmp_path / "run", [])
    assert found.tensors.keys() == expected.tensors.keys()
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in expected.tensors.items())


def test_steps_are_replayed_from_their_gates(tmp_path: Path):
    method, steps = Mingle(**SHORT), asked(tmp_path)
    expected = merged(method, steps)
    state = None
    for t, vector in enumerate(deltas(tower_of(steps[0]).base, 3), start=1):
        state = method.replay(state, vector, Context(t), tmp_path / str(t))
    assert state is not None
    assert all(torch.equal(tensor, expected.tensors[name]) for name, tensor in state.tensors.items())
    assert {name for name in expected.tensors if name not in state.tensors} == {
        f"{matrix.name}/{matrix.kind}/basis" for matrix in with_experts(expected.delta)
    }
    (tmp_path / "1" / layout.GATES).unlink()
    with pytest.raises(InputError, match="a file is missing"):
        method.replay(None, deltas(tower_of(steps[0]).base, 1)[0], Context(1), tmp_path / "1")


def test_iterations_to_be_measured_are_those_of_the_step_and_write_nothing(tmp_path: Path):
    method, rows = Mingle(**SHORT), []
    steps = asked(tmp_path / "fused", rows)
    state = merged(method, steps[:2])
    rows.clear()
    vector = deltas(tower_of(steps[0]).base, 3)[2]
    method.fuse(state, vector, steps[2])
    measured = list(method.iterate(state, vector, asked(tmp_path / "measured")[2]))
    assert measured == rows and not (tmp_path / "measured").exists()
    bare = method.begin(vector, Context(1))  # as an estimate begins
    assert len(list(method.iterate(bare, vector, asked(tmp_path / "measured")[2]))) == 6


def test_gates_are_learned_beside_the_pre_trained_weights_whatever_the_network_held(tmp_path: Path):
    method, steps, others = Mingle(**SHORT), asked(tmp_path / "one"), asked(tmp_path / "other")
    vector = deltas(tower_of(steps[0]).base, 1)[0]
    tower_of(others[0]).load(vector)  # as after its expert's features were taken
    expected, found = method.begin(vector, steps[0]), method.begin(vector, others[0])
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in expected.tensors.items())


def test_draws_come_from_seed_and_step(tmp_path: Path):
    method = Mingle(**SHORT)
    one, same, other = (
        merged(method, [replace(context, seed=seed) for context in asked(tmp_path / str(number))])
        for number, seed in enumerate((0, 0, 1))
    )
    name = f"{FC1}/fc1/weights"
    assert torch.equal(one.tensors[name], same.tensors[name])
    assert not torch.allclose(one.tensors[name], other.tensors[name])


DAMAGE = {
    "missing": (lambda tensors: tensors.pop(f"{FC1}/fc1/left"), "is missing, expected 128 × any"),
    "another shape": (lambda tensors: tensors.update({f"{FC1}/fc1/right": torch.zeros(15, 3)}), "expected 15 × 32"),
    "gates of fewer": (lambda tensors: tensors.update({f"{FC1}/fc1/weights": torch.zeros(2, 32)}), "expected 3 × 32"),
    "no experts": (lambda tensors: tensors.update({f"{FC1}/fc1/biases": torch.zeros(0)}), "for 0 gates"),
    "ranks that differ": (
        lambda tensors: tensors.update({f"{FC1}/fc1/left": torch.zeros(128, 16)}),
        "16 columns for 3",
    ),
    "not finite": (lambda tensors: tensors[f"{FC1}/fc1/left"].fill_(torch.inf), "finite numbers"),
    "whole numbers": (
        lambda tensors: tensors.update({f"{FC1}/fc1/biases": torch.ones(3, dtype=torch.int64)}),
        "finite numbers of floating point",
    ),
    "a basis of another layer": (lambda tensors: tensors.update({f"{FC1}/fc1/basis": torch.zeros(3, 3)}), "32 × any"),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_what_is_carried_must_fit_the_model(damage: str, tmp_path: Path):
    steps = asked(tmp_path)
    state = merged(Mingle(**SHORT), steps)
    change, said = DAMAGE[damage]
    change(state.tensors)
    with pytest.raises(InputError) as caught:
        if damage != "a basis of another layer":
            Mingle(**SHORT).deployed(state, tower_of(steps[2]))
        Mingle(**SHORT).fuse(state, deltas(state.delta, 1)[0], steps[2])
    assert said in str(caught.value) and is_one_sentence(str(caught.value))
