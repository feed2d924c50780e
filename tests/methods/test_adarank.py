"""AdaRank: Adam on masks and coefficients by autograd and NumPy's SVD in float64, and what can be said by hand."""

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
from otmf_core.methods.adarank import AdaRank
from otmf_core.methods.joint_adamerging import JointAdaMerging
from otmf_core.methods.rank_masks import LOGIT, TEMPERATURE, RankMasks
from otmf_core.methods.training import learn, train
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.folder import load_run
from tests.fusion import context_of, random_vectors
from tests.tiny import TASKS, merge_config, merged
from tests.training import take

BLOCK = "transformer.resblocks.0"
SHAPES = {
    "conv1.weight": (4, 3, 2, 2),
    "ln_pre.bias": (4,),
    f"{BLOCK}.attn.in_proj_weight": (12, 4),
    f"{BLOCK}.attn.out_proj.weight": (4, 4),
    f"{BLOCK}.mlp.c_fc.weight": (9, 4),
    f"{BLOCK}.mlp.c_proj.weight": (4, 9),
    f"{BLOCK}.mlp.c_proj.bias": (4,),
    "proj": (4, 3),
}
# tensor → the rows of each of its masked matrices, by hand
MATRICES = {
    f"{BLOCK}.attn.in_proj_weight": {"q": slice(0, 4), "k": slice(4, 8), "v": slice(8, 12)},
    f"{BLOCK}.attn.out_proj.weight": {"proj": slice(0, 4)},
    f"{BLOCK}.mlp.c_fc.weight": {"fc1": slice(0, 9)},
    f"{BLOCK}.mlp.c_proj.weight": {"fc2": slice(0, 4)},
}
KEYS = [f"mask/{name}/{kind}" for name, parts in MATRICES.items() for kind in parts]


def drawn(seed: int, dtype: torch.dtype = torch.float32) -> StateDict:
    generator = torch.Generator().manual_seed(seed)
    return {name: (0.3 * torch.randn(shape, generator=generator)).to(dtype) for name, shape in SHAPES.items()}


BASE, VECTORS, TARGET = drawn(1), (drawn(2), drawn(3, torch.float16), drawn(4)), drawn(5)


def loss_of(theta: StateDict) -> Tensor:
    errors = [(theta[name] - TARGET[name]).square().sum() for name in theta]
    return torch.stack(errors).sum() + torch.sin(theta["proj"].sum() * theta[f"{BLOCK}.attn.in_proj_weight"][5, 1])


def decomposed(vector: StateDict, name: str, rows: slice) -> list[Tensor]:
    u, s, vh = np.linalg.svd(vector[name].double().numpy()[rows], full_matrices=False)
    return [torch.from_numpy(part.copy()) for part in (u, s, vh)]


def by_definition(factors: StateDict, logits: StateDict) -> StateDict:
    """Δ_m in float64, with the authors' straight-through masks of singular values."""
    delta = {}
    for name in BASE:
        parts = []
        for k, vector in enumerate(VECTORS):
            own = vector[name].double()
            if name in MATRICES:
                blocks = []
                for kind, rows in MATRICES[name].items():
                    u, s, vh = decomposed(vector, name, rows)
                    soft = (logits[f"mask/{name}/{kind}"][k] / TEMPERATURE).sigmoid()
                    mask = soft + ((soft > 0.5).double() - soft).detach()
                    blocks.append((u * (mask * s)) @ vh)
                own = torch.cat(blocks)
            parts.append(factors[name][k] * own)
        delta[name] = torch.stack(parts).sum(dim=0)
    return delta


def test_training_is_adam_straight_through_the_masks():
    """Against autograd and torch.optim.Adam, until components of every matrix have gone."""
    rate, iterations = 0.03, 40
    learner = RankMasks(BASE, VECTORS, 0.4)
    weights = {name: torch.empty_like(tensor) for name, tensor in BASE.items()}
    learner.apply(weights)
    count = len(VECTORS)
    factors = {name: torch.full((count,), 0.4, dtype=torch.double, requires_grad=True) for name in BASE}
    logits = {key: torch.full((count, 4), LOGIT, dtype=torch.double, requires_grad=True) for key in KEYS}
    optimiser = torch.optim.Adam([*factors.values(), *logits.values()], lr=rate)
    gone: dict[str, bool] = {}
    for _ in range(iterations):
        take(learner, weights, loss_of, rate)
        optimiser.zero_grad()
        loss_of({name: BASE[name].double() + d for name, d in by_definition(factors, logits).items()}).backward()
        optimiser.step()
        gone |= {key: True for key in KEYS if (learner.values[key] <= 0).any()}
    assert sorted(gone) == sorted(KEYS)
    for key in KEYS:
        torch.testing.assert_close(learner.values[key].double(), logits[key].detach(), atol=1e-4, rtol=1e-4)
    for name, expected in by_definition(factors, logits).items():
        found = learner.values[f"factor/{name}"].double()
        torch.testing.assert_close(found, factors[name].detach(), atol=1e-4, rtol=1e-4)
        theta = BASE[name].double() + expected.detach()
        torch.testing.assert_close(weights[name].double(), theta, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(learner.merged()[name].double(), expected.detach(), atol=1e-4, rtol=1e-4)


def test_all_components_are_there_at_first_and_without_any_other_tensors_stay():
    learner = RankMasks(BASE, VECTORS, 0.3)
    sums = {name: 0.3 * torch.stack([vector[name].double() for vector in VECTORS]).sum(dim=0) for name in BASE}
    for name, tensor in learner.merged().items():
        torch.testing.assert_close(tensor.double(), sums[name], atol=1e-6, rtol=1e-5)
    assert learner.columns(0) == {"mask_pre_mean": 1.0, "mask_post_mean": 1.0}
    for key in KEYS:
        learner.values[key][:] = 0.0  # not above 0
    for name, tensor in learner.merged().items():
        expected = torch.zeros_like(sums[name]) if name in MATRICES else sums[name]
        torch.testing.assert_close(tensor.double(), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in MATRICES.items() for kind in kinds])
def test_a_component_that_goes_is_a_singular_one_of_that_vector_and_matrix(name: str, kind: str):
    learner = RankMasks(BASE, VECTORS, 0.3)
    before = learner.merged()
    learner.values[f"mask/{name}/{kind}"][1, 2] = -0.1
    after, rows = learner.merged(), MATRICES[name][kind]
    u, s, vh = decomposed(VECTORS[1], name, rows)
    lost = torch.zeros(SHAPES[name], dtype=torch.double)
    lost[rows] = 0.3 * s[2] * torch.outer(u[:, 2], vh[2])
    for other in BASE:
        expected = lost if other == name else torch.zeros_like(before[other]).double()
        torch.testing.assert_close((before[other] - after[other]).double(), expected, atol=1e-6, rtol=1e-4)
    share = 1 / (4 * len(KEYS))
    assert learner.columns(0) == pytest.approx({"mask_pre_mean": 1 - share / 2, "mask_post_mean": 1.0})


def asked(folder: Path):
    context, learning, base = context_of(folder)
    pre, post = random_vectors(base)
    return replace(context, vectors=(pre, post, pre)), learning, (pre, post, pre)


def test_it_begins_with_the_entropy_of_adamerging_and_its_bases_are_no_larger_than_the_vectors(tmp_path: Path):
    context, learning, vectors = asked(tmp_path)
    rows = [
        next(train(*settings.training(vectors, context), 0, context))
        for settings in (AdaRank(batch=6, iterations=1), JointAdaMerging(batch=6, iterations=1))
    ]
    assert [row["loss_pre"] for row in rows] == pytest.approx([rows[1]["loss_pre"]] * 2, rel=1e-5)
    assert [row["loss_post"] for row in rows] == pytest.approx([rows[1]["loss_post"]] * 2, rel=1e-5)
    learner, _ = AdaRank().training(vectors, context)
    assert isinstance(learner, RankMasks)
    held = sum(own[0].numel() for own in learner.bases.values())
    assert 0 < held <= sum(tensor.numel() for tensor in learning.tower.base.values())
    config = MergeConfig.build(tasks=("a", "b", "c", "d"), method="adarank-joint")
    assert work(config, Sizes(1000, 0, (1,) * 4, (1,) * 4, (0,) * 4)).tensors == 4 * 1000 * (4 + 4 * 2)


def test_at_rate_0_the_start_stays_which_is_task_arithmetic(tiny: Path, tmp_path: Path):
    context, _, vectors = asked(tmp_path)
    learner, plan = AdaRank(iterations=3, batch=6, scaling=0.25).training(vectors, context)
    delta = learn(learner, replace(plan, rate=lambda iteration: 0.0), context)
    for name, tensor in delta.items():
        expected = 0.25 * sum(vector[name].double() for vector in vectors)
        torch.testing.assert_close(tensor.double(), expected, atol=1e-7, rtol=1e-5)
    joint = merged(merge_config(tiny, method="adarank-joint", scaling=0.4), tmp_path, "joint")
    sums = merged(merge_config(tiny, method="task-arithmetic", scaling=0.4), tmp_path, "sums")
    assert load_run(joint).matrix[: len(TASKS)] == load_run(sums).matrix[: len(TASKS)]
