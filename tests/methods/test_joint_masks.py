"""Joint masks: Adam on masks over several vectors by torch in float64, the loss over all tasks by its definition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from otmf_core.config import MergeConfig
from otmf_core.forecast.sizes import Sizes
from otmf_core.forecast.work import work
from otmf_core.masks import shifts
from otmf_core.masks.adam import EPS
from otmf_core.methods.joint_masks import JointMasks
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.training import learn, train
from otmf_core.methods.vector_masks import VectorMasks
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.folder import load_run
from tests.fusion import Rows, context_of, random_vectors
from tests.tiny import CONFIG, TASKS, merge_config, merged
from tests.training import PRE, RATE, SHAPES, take, values

SHARED = ("loss", "space", "blur", "reach", "projections", "p")


@pytest.mark.parametrize("factor", [0.3, 1.5])
def test_training_is_adam_on_the_masks_of_all_vectors(factor: float, monkeypatch: pytest.MonkeyPatch):
    """Against autograd and torch.optim.Adam in float64, at a rate that changes and ε so small that it is not felt."""
    monkeypatch.setattr(shifts, "EPS", 1e-30)
    base, vectors = values(1), (values(2, 0.1), values(3, 0.1, torch.float16), values(4, 1e-5))
    learner = VectorMasks(base, vectors, factor)
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    learner.apply(weights)
    leaves = [
        {name: torch.ones(shape, dtype=torch.double, requires_grad=True) for name, shape in SHAPES.items()}
        for _ in vectors
    ]
    optimiser = torch.optim.Adam([leaf for masks in leaves for leaf in masks.values()], lr=RATE, eps=1e-30)

    def delta() -> StateDict:
        parts = list(zip(leaves, vectors, strict=True))
        return {n: factor * torch.stack([masks[n] * v[n].double() for masks, v in parts]).sum(dim=0) for n in base}

    for number in range(25):
        rate = RATE / (1 + number)
        take(learner, weights, PRE, rate)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        PRE({name: base[name].double() + tensor for name, tensor in delta().items()}).backward()
        optimiser.step()
    for k, expected in enumerate(leaves):
        for name in base:
            mask = learner.shifts.mask(k, name)
            torch.testing.assert_close(mask.double(), expected[name].detach(), atol=2e-5, rtol=2e-5)
    for name, expected in delta().items():
        theta = base[name].double() + expected.detach()
        torch.testing.assert_close(weights[name].double(), theta, atol=1e-5, rtol=1e-5)
    for name, tensor in learner.merged().items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor.double(), delta()[name].detach(), atol=1e-5, rtol=1e-5)


def test_epsilon_is_of_the_size_of_adams():
    """One iteration on one entry: M = 1 − lr·sign(Δ)·G/(|G| + ε); at |G| = ε that is half the rate."""
    vectors = [{"w": torch.tensor([value])} for value in (0.5, 0.0, -2.0)]
    learner, weights = VectorMasks({"w": torch.zeros(1)}, vectors, 0.8), {"w": torch.empty(1)}
    learner.apply(weights)
    learner.begin(0.1)
    learner.consume("w", torch.tensor([EPS]), weights["w"])
    assert weights["w"].item() == pytest.approx(0.8 * (0.5 * 0.95 - 2.0 * 1.05))
    assert [learner.shifts.mask(k, "w").item() for k in range(3)] == pytest.approx([0.95, 1, 1.05])


def asked(folder: Path, rows: Rows | None = None):
    """Step 3 of a fold over random task vectors, and those."""
    context, learning, base = context_of(folder, rows)
    pre, post = random_vectors(base)
    first = {name: tensor.flip(0).half() for name, tensor in pre.items()}
    return replace(context, vectors=(first, pre, post)), learning, (first, pre, post)


def test_the_gradient_is_that_of_every_tasks_loss(tmp_path: Path):
    """G of the first iteration: of Σ_t of the mean ½‖φ(x; θ_m) − φ_t(x)‖² in float64, written from the definition."""
    context, learning, vectors = asked(tmp_path)
    settings = JointMasks(iterations=1, batch=9, loss="paired", space="raw", scaling=0.4)
    learner, plan = settings.training(vectors, context)
    assert isinstance(learner, VectorMasks)
    (drawn,) = plan.batches
    encoder = build_encoder(CONFIG).double()
    base = learning.tower.base
    theta = {n: base[n].double() + 0.4 * torch.stack([v[n].double() for v in vectors]).sum(0) for n in base}
    encoder.load_state_dict(theta)
    losses, seen = [], []
    for tasks, rows in drawn.values():
        for task, own in zip(tasks, rows, strict=True):
            inputs, teacher = learning.calibration[task].inputs, learning.calibration[task].teacher
            assert isinstance(inputs, Tensor) and teacher is not None
            difference = encoder(preprocess(inputs[own], CONFIG).double()) - teacher[own].double()
            losses.append(difference.square().sum(dim=-1).mean() / 2)
            seen.append(int(task))
    assert seen == [0, 1, 2]
    torch.stack(losses).sum().backward()
    row = next(train(learner, plan, 0, context))
    assert row["loss_pre"] == pytest.approx((losses[0] + losses[1]).item() / 2, rel=1e-5)
    assert row["loss_post"] == pytest.approx(losses[2].item(), rel=1e-5)
    for name, parameter in encoder.named_parameters():
        if parameter.grad is not None:
            gradient = learner.shifts.moments[name][0].double() / 0.1
            torch.testing.assert_close(gradient, parameter.grad, atol=1e-5, rtol=2e-3)


def test_at_rate_0_the_start_stays_which_is_task_arithmetic(tmp_path: Path):
    context, _, vectors = asked(tmp_path)
    settings = JointMasks(iterations=3, batch=6, scaling=0.25)
    learner, plan = settings.training(vectors, context)
    delta = learn(learner, replace(plan, rate=lambda iteration: 0.0), context)
    for name, tensor in delta.items():
        expected = 0.25 * np.sum([vector[name].double().numpy() for vector in vectors], axis=0)
        np.testing.assert_allclose(tensor.numpy(), expected, atol=1e-7, rtol=1e-6)
        np.testing.assert_allclose(settings.start(vectors)[name].numpy(), expected, atol=1e-7, rtol=1e-6)


def test_training_lowers_the_loss_of_all_tasks(tmp_path: Path):
    rows: Rows = []
    context, _, vectors = asked(tmp_path, rows)
    JointMasks(iterations=30, batch=30, blur=0.5).learned(vectors, context)
    total = [2 * (row["loss_pre"] or 0) + (row["loss_post"] or 0) for row in rows]
    assert np.mean(total[-5:]) < 0.9 * np.mean(total[:5])


def test_steps_before_the_last_are_those_of_task_arithmetic(tiny: Path, tmp_path: Path):
    joint = merged(merge_config(tiny, method="joint-masks", scaling=0.4), tmp_path, "joint")
    sums = merged(merge_config(tiny, method="task-arithmetic", scaling=0.4), tmp_path, "sums")
    assert load_run(joint).matrix[: len(TASKS)] == load_run(sums).matrix[: len(TASKS)]


def test_the_transport_is_that_of_otmf():
    own, otmf = JointMasks.described(), Otmf.described()
    assert {name: own[name] for name in SHARED} == {name: otmf[name] for name in SHARED}
    with pytest.raises(ValueError, match="the loss kl is of class probabilities"):
        JointMasks(loss="kl", space="raw")


def test_what_it_holds():
    """θ⁰, the network, the step before, two moments, the rates; of each task its vector."""
    config = MergeConfig.build(tasks=("a", "b", "c", "d"), method="joint-masks")
    assert work(config, Sizes(1000, 0, (1,) * 4, (1,) * 4, (0,) * 4)).tensors == 4 * 1000 * (6 + 4)
