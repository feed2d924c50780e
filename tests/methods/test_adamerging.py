"""AdaMerging: the gradient of its coefficients by finite differences, Adam by torch, and what can be said by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.methods.adamerging import AdaMerging
from otmf_core.methods.base import State
from otmf_core.methods.coefficients import Coefficients
from otmf_core.methods.context import Context, Learning
from otmf_core.methods.joint_adamerging import JointAdaMerging
from otmf_core.methods.training import Plan, learn, train
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.models.heads import Head
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.folder import load_run
from otmf_core.transport.distributions import PADDED, divergence, entropy, log_probabilities
from otmf_core.transport.spaces import ClassVectors
from tests.fusion import context_of, random_vectors
from tests.tiny import CONFIG, TASKS, merge_config, merged
from tests.training import PRE, RATE, SHAPES, take, values

Granularity = Literal["layer", "task"]
HEADS = (3, 5, 2)  # classes of the heads of `context_of`


def asked(folder: Path) -> tuple[Context, Learning, tuple[StateDict, StateDict]]:
    context, learning, base = context_of(folder)
    return context, learning, random_vectors(base)


def training(settings: AdaMerging, vectors: tuple[StateDict, StateDict], context: Context) -> tuple[Coefficients, Plan]:
    learner, plan = settings.training(vectors, context)
    assert isinstance(learner, Coefficients)
    return learner, plan


def entropy_in_float64(theta: StateDict, drawn: dict, learning: Learning) -> float:
    """The sum over the tasks of a mini-batch, of which each weighs the same, by the definition."""
    encoder = build_encoder(CONFIG).double()
    encoder.load_state_dict(theta)
    total, earlier = 0.0, sum(1 for seen in learning.calibration[:-1] if len(seen))
    for side, (tasks, rows) in drawn.items():
        means = []
        for task, own in zip(tasks, rows, strict=True):
            inputs = learning.calibration[task].inputs
            assert isinstance(inputs, Tensor)
            features = F.normalize(encoder(preprocess(inputs[own], CONFIG).double()), dim=-1)
            head = learning.class_vectors.vectors[task, : HEADS[task]].double()
            p = (learning.class_vectors.scales[task].double() * features @ head.T).softmax(dim=-1)
            means.append(-(p * p.log()).sum(dim=-1).mean().item())
        total += (earlier if side == "pre" else 1) * sum(means) / len(means)
    return total


@pytest.mark.parametrize("granularity", ["layer", "task"])
def test_the_gradient_is_that_of_the_entropy(granularity: Granularity, tmp_path: Path):
    """dH/dλ_k of a tensor by central differences of the entropy in float64, written from the definition."""
    context, learning, vectors = asked(tmp_path)
    learner, plan = training(AdaMerging(iterations=1, batch=4, granularity=granularity), vectors, context)
    base = learning.tower.base
    next(train(learner, plan, 0, context))

    def at(moved: dict[tuple[int, str], float]) -> float:
        theta = {
            name: tensor.double()
            + sum(
                (initial + moved.get((k, name), 0.0)) * vector[name].double()
                for k, (initial, vector) in enumerate(zip((1.0, 0.3), vectors, strict=True))
            )
            for name, tensor in base.items()
        }
        with torch.no_grad():
            return entropy_in_float64(theta, dict(plan.batches[0]), learning)

    step, names = 1e-4, list(base)
    groups = [names] if granularity == "task" else [[name] for name in names]
    for k in (0, 1):
        for group in groups:
            up, down = (at({(k, name): sign * step for name in group}) for sign in (1, -1))
            found = sum(learner.gradient[k, names.index(name)].item() for name in group)
            assert found == pytest.approx((up - down) / (2 * step), rel=2e-3, abs=2e-5), (k, group)


@pytest.mark.parametrize("by_tensor", [True, False])
def test_training_is_adam_on_the_coefficients_within_their_range(by_tensor: bool):
    """Against autograd and torch.optim.Adam in float64, clamped after every iteration; some reach 0 and 1."""
    base, vectors, initial = values(1), (values(2, 0.1), values(3, 0.1, torch.float16)), (0.9, 0.05)
    learner = Coefficients(base, vectors, initial, by_tensor)
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    learner.apply(weights)
    shape = (2, len(SHAPES) if by_tensor else 1)
    leaf = torch.tensor(initial, dtype=torch.double)[:, None].repeat(1, shape[1]).requires_grad_()
    optimiser = torch.optim.Adam([leaf], lr=RATE)

    def merged() -> StateDict:
        return {
            name: base[name].double()
            + sum(leaf[k, place if by_tensor else 0] * vectors[k][name].double() for k in (0, 1))
            for place, name in enumerate(base)
        }

    for _ in range(25):
        take(learner, weights, PRE, RATE)
        optimiser.zero_grad()
        PRE(merged()).backward()
        optimiser.step()
        leaf.data.clamp_(0, 1)
    torch.testing.assert_close(learner.values.double(), leaf.detach(), atol=2e-5, rtol=2e-5)
    for name, theta in merged().items():
        torch.testing.assert_close(weights[name].double(), theta.detach(), atol=1e-5, rtol=1e-5)
    if by_tensor:
        assert learner.values.min() == 0 and learner.values.max() == 1


@pytest.mark.parametrize("granularity", ["layer", "task"])
def test_at_rate_0_the_start_stays(granularity: Granularity, tmp_path: Path):
    context, _, vectors = asked(tmp_path)
    learner, plan = training(AdaMerging(iterations=3, batch=4, granularity=granularity), vectors, context)
    delta = learn(learner, replace(plan, rate=lambda iteration: 0.0), context)
    for name, tensor in delta.items():
        expected = vectors[0][name].double() + 0.3 * vectors[1][name].double()
        torch.testing.assert_close(tensor.double(), expected, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("granularity", ["layer", "task"])
def test_the_coefficient_of_nothing_stays(granularity: Granularity, tmp_path: Path):
    context, _, (pre, post) = asked(tmp_path)
    nothing = {name: torch.zeros_like(tensor) for name, tensor in post.items()}
    learner, plan = training(
        AdaMerging(iterations=5, batch=4, lambda_pre=0.5, granularity=granularity), (pre, nothing), context
    )
    learn(learner, plan, context)
    assert (learner.values[1] == torch.tensor(0.3)).all()
    assert (learner.values[0] != 0.5).all()


def test_logits_that_are_all_equal_pull_nowhere(tmp_path: Path):
    context, learning, vectors = asked(tmp_path)
    alike = [Head(F.normalize(torch.ones(classes, 16), dim=-1), 10.0) for classes in HEADS]
    gradients = {}
    for name, heads in (("drawn", learning.class_vectors), ("alike", ClassVectors(alike))):
        changed = replace(context, learning=replace(learning, class_vectors=heads))
        learner, plan = training(AdaMerging(iterations=1, batch=4), vectors, changed)
        next(train(learner, plan, 0, changed))
        gradients[name] = learner.gradient.abs().max().item()
    assert gradients["alike"] < 1e-5 * gradients["drawn"]


def test_the_first_step_is_scaled_and_a_step_goes_on_from_the_one_before(tmp_path: Path):
    context, _, (pre, post) = asked(tmp_path)
    settings = AdaMerging(iterations=1, batch=4, lambda_post=0.4)
    first = settings.begin(post, Context(1)).delta
    torch.testing.assert_close(first["proj"], 0.4 * post["proj"].float())
    with_less = settings.fuse(State({name: 0 * tensor for name, tensor in pre.items()}), post, context).delta
    (tmp_path / "within.safetensors").unlink()
    with_more = settings.fuse(State(pre), post, context).delta
    assert (with_more["proj"] - with_less["proj"]).norm() > 0.9 * pre["proj"].norm()


def test_one_coefficient_for_a_vector_is_the_same_for_all_its_tensors(tmp_path: Path):
    context, _, vectors = asked(tmp_path)
    learner, plan = training(AdaMerging(iterations=4, batch=4, granularity="task", lr=0.02), vectors, context)
    learn(learner, plan, context)
    assert learner.values.shape == (2, 1) and (learner.values != torch.tensor([[1.0], [0.3]])).all()
    assert all(torch.equal(own, learner.values[:, 0]) for own in learner.by_tensor().values())
    rows = list(train(*training(AdaMerging(iterations=2, batch=4), vectors, context), 0, context))
    assert rows[1]["coefficient_pre"] == pytest.approx(1.0, abs=3e-3)
    assert rows[1]["coefficient_post"] == pytest.approx(0.3, abs=3e-3)


def test_of_all_at_once_steps_before_the_last_are_those_of_task_arithmetic(tiny: Path, tmp_path: Path):
    joint = merged(merge_config(tiny, method="adamerging-joint", scaling=0.4), tmp_path, "joint")
    sums = merged(merge_config(tiny, method="task-arithmetic", scaling=0.4), tmp_path, "sums")
    assert load_run(joint).matrix[: len(TASKS)] == load_run(sums).matrix[: len(TASKS)]
    assert isinstance(load_run(joint).config.method, JointAdaMerging)


# --- the losses ------------------------------------------------------------------------------------------------------


def test_entropy_and_divergence_by_hand():
    even, sure = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.75, 0.25]]).log()
    assert entropy(even).item() == pytest.approx(0.693147)
    assert entropy(torch.cat([even, even])).item() == pytest.approx(0.693147)
    assert divergence(even, even).item() == 0
    # 0.75·ln 1.5 + 0.25·ln 0.5, and ½·ln(0.5/0.75) + ½·ln(0.5/0.25)
    assert divergence(even, sure).item() == pytest.approx(0.130812, abs=1e-6)
    assert divergence(sure, even).item() == pytest.approx(0.143841, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_classes_that_are_not_there_have_no_share(temperature: float):
    generator = torch.Generator().manual_seed(3)
    heads = [Head(F.normalize(torch.randn(n, 8, generator=generator), dim=-1), 20.0) for n in (2, 6)]
    features = torch.randn(2, 4, 8, generator=generator).requires_grad_()
    logs = log_probabilities(ClassVectors(heads), features, torch.tensor([0, 1]), temperature)
    for task, head in enumerate(heads):
        expected = (head.logits(features[task]) / temperature).log_softmax(dim=-1)
        torch.testing.assert_close(logs[task, :, : len(head.weight)], expected, atol=1e-5, rtol=1e-5)
    assert (logs[0, :, 2:] < PADDED / 2).all() and (logs[0, :, 2:].exp() == 0).all()
    entropy(logs).backward()
    assert features.grad is not None
    own = [features.detach()[task].requires_grad_() for task in (0, 1)]
    losses = [entropy((head.logits(x) / temperature).log_softmax(dim=-1)) for head, x in zip(heads, own, strict=True)]
    (torch.stack(losses).mean()).backward()
    for task in (0, 1):
        gradient = own[task].grad
        assert gradient is not None
        torch.testing.assert_close(features.grad[task], gradient, atol=1e-5, rtol=1e-4)
