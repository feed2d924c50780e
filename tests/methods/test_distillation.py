"""Distillation: Adam on all weights by torch in float64, the loss and its gradient by their definition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.config import MergeConfig
from otmf_core.forecast.sizes import Sizes
from otmf_core.forecast.work import work
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.methods.distillation import Distillation
from otmf_core.methods.training import learn, train
from otmf_core.methods.weights import Weights
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.models.task_vector import StateDict
from tests.fusion import Rows, context_of, random_vectors
from tests.tiny import CONFIG
from tests.training import PRE, RATE, take, values

HEADS = (3, 5, 2)  # classes of the heads of `context_of`


def mixture(pre: StateDict, post: StateDict, alpha: float) -> StateDict:
    """α·Δ_pre + (1−α)·Δ_post in float64."""
    return {name: alpha * pre[name].double() + (1 - alpha) * post[name].double() for name in pre}


def test_training_is_adam_on_every_weight():
    base, start = values(1), values(2, 0.1)
    learner = Weights(base, {name: tensor.clone() for name, tensor in start.items()})
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    learner.apply(weights)
    leaves = {name: tensor.double().requires_grad_() for name, tensor in start.items()}
    optimiser = torch.optim.Adam(list(leaves.values()), lr=RATE)
    for number in range(25):
        rate = RATE / (1 + number)
        take(learner, weights, PRE, rate)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        PRE({name: base[name].double() + leaf for name, leaf in leaves.items()}).backward()
        optimiser.step()
    for name, tensor in learner.merged().items():
        torch.testing.assert_close(tensor.double(), leaves[name].detach(), atol=2e-5, rtol=2e-5)
        torch.testing.assert_close(weights[name], base[name] + tensor, atol=0, rtol=0)


@pytest.mark.parametrize(("alpha", "temperature"), [(0.8, 2.0), (1.0, 0.5)])
def test_the_gradient_is_that_of_every_tasks_divergence(alpha: float, temperature: float, tmp_path: Path):
    """G of the first iteration: of Σ_t of the mean Σ q·(log q − log p) in float64, written from the definition."""
    context, learning, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    settings = Distillation(iterations=1, batch=4, alpha=alpha, temperature=temperature)
    learner, plan = settings.training((pre, post), context)
    assert isinstance(learner, Weights)
    start = mixture(pre, post, alpha)
    encoder = build_encoder(CONFIG).double()
    encoder.load_state_dict({name: learning.tower.base[name].double() + start[name] for name in start})

    def log_probabilities(features: Tensor, task: int) -> Tensor:
        head = learning.class_vectors.vectors[task, : HEADS[task]].double()
        scale = learning.class_vectors.scales[task].double()
        return (scale * F.normalize(features, dim=-1) @ head.T / temperature).log_softmax(dim=-1)

    losses: dict[str, list[Tensor]] = {"pre": [], "post": []}
    for side, (tasks, rows) in plan.batches[0].items():
        for task, own in zip(tasks, rows, strict=True):
            inputs, teacher = learning.calibration[task].inputs, learning.calibration[task].teacher
            assert isinstance(inputs, Tensor) and teacher is not None
            student = log_probabilities(encoder(preprocess(inputs[own], CONFIG).double()), task)
            expert = log_probabilities(teacher[own].double(), task)
            losses[side].append((expert.exp() * (expert - student)).sum(dim=-1).mean())
    assert (len(losses["pre"]), len(losses["post"])) == (2, 1)
    torch.stack(losses["pre"] + losses["post"]).sum().backward()
    row = next(train(learner, plan, 0, context))
    for side, values_of_side in losses.items():
        assert row[f"loss_{side}"] == pytest.approx(torch.stack(values_of_side).mean().item(), rel=1e-5)
    for name, parameter in encoder.named_parameters():
        if parameter.grad is not None:
            gradient = learner.adam.moments[name][0].double() / 0.1
            torch.testing.assert_close(gradient, parameter.grad, atol=1e-5, rtol=2e-3)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_at_rate_0_the_mixture_of_the_start_stays(alpha: float, tmp_path: Path):
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    learner, plan = Distillation(iterations=3, batch=6, alpha=alpha).training((pre, post), context)
    delta = learn(learner, replace(plan, rate=lambda iteration: 0.0), context)
    for name, expected in mixture(pre, post, alpha).items():
        np.testing.assert_allclose(delta[name].numpy(), expected.numpy(), atol=1e-7, rtol=1e-6)


def test_one_iteration_moves_no_weight_further_than_the_rate(tmp_path: Path):
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    delta = Distillation(iterations=1, batch=6, lr=0.01).fuse(State(pre), post, context).delta
    moved = torch.cat([(delta[name] - start).flatten() for name, start in mixture(pre, post, 0.8).items()]).abs()
    assert 0.009 < moved.max() < 0.01 + 1e-6


def test_the_first_step_is_the_first_task_vector():
    _, post = random_vectors(values(1))
    first = Distillation().begin(post, Context(1)).delta
    assert all(torch.equal(first[name], post[name].float()) for name in post)


def test_training_lowers_the_loss(tmp_path: Path):
    rows: Rows = []
    context, _, base = context_of(tmp_path, rows)
    pre, post = random_vectors(base)
    Distillation(iterations=30, batch=20, lr=0.003).fuse(State(pre), post, context)
    total = [2 * (row["loss_pre"] or 0) + (row["loss_post"] or 0) for row in rows]
    assert np.mean(total[-5:]) < 0.7 * np.mean(total[:5])


def test_without_kept_images_the_merged_model_so_far_teaches(tmp_path: Path):
    """At α = 1 the student begins as the teacher of the task before, so that its divergence is 0 at first."""
    rows: Rows = []
    context, learning, base = context_of(tmp_path, rows, kept=0)
    before = learning.calibration[-2]
    forgotten = replace(learning, calibration=[learning.calibration[0], replace(before, teacher=None),
                                               learning.calibration[-1]])  # fmt: skip
    pre, post = random_vectors(base)
    settings = Distillation(iterations=2, batch=6, alpha=1.0, memory=0, lr=0.01)
    settings.fuse(State(pre), post, replace(context, learning=forgotten))
    assert rows[0]["loss_pre"] == pytest.approx(0, abs=1e-6)
    assert (rows[0]["loss_post"] or 0) > 1e-3 and (rows[1]["loss_pre"] or 0) > 1e-5


def test_what_it_holds():
    """θ⁰, the network, Δ_pre, Δ_post, Δ_m and two moments, whatever the number of tasks."""
    config = MergeConfig.build(tasks=("a", "b", "c", "d"), method="distillation")
    assert work(config, Sizes(1000, 0, (1,) * 4, (1,) * 4, (0,) * 4)).tensors == 4 * 1000 * 7
