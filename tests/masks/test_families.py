"""Every family but the default one, driven by OTMF's own loop, against masks in an autograd graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.masks.measures import SIDES
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.methods.mask_training import batches_of
from otmf_core.methods.otmf import Otmf
from otmf_core.models.clip import preprocess
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.losses import Cost, alignment
from tests.fusion import context_of, random_vectors
from tests.tiny import CONFIG

WIDTH = CONFIG["model_cfg"]["vision_cfg"]["width"]
HEADS = WIDTH // CONFIG["model_cfg"]["vision_cfg"]["head_width"]
BLOCK = "transformer.resblocks.0."
QKV, QKV_BIAS, PROJ = (f"{BLOCK}attn.{name}" for name in ("in_proj_weight", "in_proj_bias", "out_proj.weight"))
# The softmax of attention does not see a bias of its keys: its gradient is rounding, which Adam makes as large as any.
KEYS = {QKV_BIAS: slice(WIDTH, 2 * WIDTH)}


class Reference(ABC):
    """Masked vectors that grow from parameters, as they are defined."""

    def __init__(self, deltas: Mapping[str, StateDict]) -> None:
        self.deltas = {side: {name: d.float() for name, d in delta.items()} for side, delta in deltas.items()}
        self.parameters = {side: self.start(side) for side in SIDES}

    @abstractmethod
    def start(self, side: str) -> dict[str, Tensor]: ...

    @abstractmethod
    def part(self, side: str, name: str) -> Tensor: ...


class OfWeights(Reference):
    """Masks that broadcast to their tensors."""

    @abstractmethod
    def mask(self, parameters: dict[str, Tensor], name: str) -> Tensor: ...

    def part(self, side: str, name: str) -> Tensor:
        return self.mask(self.parameters[side], name) * self.deltas[side][name]


class Rows(OfWeights):
    def start(self, side):
        return {name: torch.ones(t.shape[:1] + (1,) * (t.dim() - 1)) for name, t in self.deltas[side].items()}

    def mask(self, parameters, name):
        return parameters[name]


class Heads(OfWeights):
    """Each head scales its rows of q, k and v and its columns of the projection."""

    def start(self, side):
        return {name: torch.ones(()) for name in self.deltas[side]} | {"heads": torch.ones(HEADS)}

    def mask(self, parameters, name):
        each = parameters["heads"].repeat_interleave(WIDTH // HEADS)
        if name in (QKV, QKV_BIAS):
            return torch.cat((each, each, each)).view((-1,) if name == QKV_BIAS else (-1, 1))
        return each if name == PROJ else parameters[name]


class Layers(OfWeights):
    def layer(self, name: str) -> str:
        head = ("ln_post.weight", "ln_post.bias", "proj")
        return "block" if name.startswith(BLOCK) else "head" if name in head else "stem"

    def start(self, side):
        return {self.layer(name): torch.ones(()) for name in self.deltas[side]}

    def mask(self, parameters, name):
        return parameters[self.layer(name)]


class Task(OfWeights):
    def start(self, side):
        return {"scale": torch.ones(())}

    def mask(self, parameters, name):
        return parameters["scale"]


class LowRank(OfWeights):
    """M = 1 + ABᵀ, A as drawn by the family itself."""

    def start(self, side):
        base = {name: torch.zeros_like(tensor) for name, tensor in self.deltas[side].items()}
        drawn = FAMILIES["low-rank"](Fusion(base, base, base, {"pre": 1.0, "post": 1.0}, draw=(0, 3))).state()
        prefix = f"{side}/mask/"
        return {key.removeprefix(prefix): value for key, value in drawn.items() if key.startswith(prefix)}

    def mask(self, parameters, name):
        shape = self.deltas["pre"][name].shape
        if f"a/{name}" not in parameters:
            return 1 + parameters[f"b/{name}"].view(shape)
        return (1 + parameters[f"a/{name}"] @ parameters[f"b/{name}"].T).view(shape)


class Singular(Reference):
    """U·diag(m ⊙ σ)·Vᵀ in float64, q, k and v apart."""

    def start(self, side):
        deltas = self.deltas[side]
        parts = {name: 3 if name == QKV else 1 for name in deltas}
        sizes = {
            name: min(len(d) // parts[name], d.shape[1]) if self.is_matrix(name) else 1 for name, d in deltas.items()
        }
        return {name: torch.ones(parts[name], sizes[name]) for name in deltas}

    def is_matrix(self, name: str) -> bool:
        return name in (QKV, PROJ, f"{BLOCK}mlp.c_fc.weight", f"{BLOCK}mlp.c_proj.weight", "proj")

    def part(self, side, name):
        delta, values = self.deltas[side][name], self.parameters[side][name]
        if not self.is_matrix(name):
            return values.view((1,) * delta.dim()) * delta
        masked = []
        for matrix, own in zip(delta.double().chunk(len(values)), values, strict=True):
            u, singular, vh = torch.linalg.svd(matrix, full_matrices=False)
            masked.append((u * singular * own.double()) @ vh)
        return torch.cat(masked).float()


REFERENCES = {"row": Rows, "head": Heads, "low-rank": LowRank, "singular": Singular, "layer": Layers, "task": Task}


def by_autograd(settings: Otmf, masks: Reference, context: Context) -> tuple[StateDict, list[float]]:
    """Δ_m and the sums of losses of a fusion, written as the paper writes it: masks in the graph, Adam on them."""
    assert context.learning is not None
    learning, base = context.learning, context.learning.tower.base
    factor = {"pre": torch.tensor(settings.alpha), "post": torch.tensor(1 - settings.alpha)}
    for side in SIDES:
        for parameter in masks.parameters[side].values():
            parameter.requires_grad_()
    optimisers: dict[tuple[str, ...], torch.optim.Adam] = {}
    loss = alignment(settings.loss, Cost(settings.p, settings.blur))

    def merged() -> StateDict:
        return {n: factor["pre"] * masks.part("pre", n) + factor["post"] * masks.part("post", n) for n in base}

    losses = []
    sizes = [len(seen) for seen in learning.calibration]
    for iteration, drawn in enumerate(batches_of(settings, sizes, context.seed, context.step)):
        sides = tuple(side for side in SIDES if drawn[side] is not None)
        trained = [p for side in sides for p in masks.parameters[side].values()]
        optimiser = optimisers.setdefault(sides, torch.optim.Adam(trained, betas=(settings.momentum, 0.999)))
        optimiser.param_groups[0]["lr"] = settings.lr * (1 + np.cos(np.pi * iteration / settings.iterations)) / 2
        theta = {name: base[name] + delta for name, delta in merged().items()}
        total, objective = torch.zeros(()), torch.zeros(())
        for side in sides:
            batch = drawn[side]
            assert batch is not None
            tasks, images = batch
            clouds = []
            for task, rows in zip(tasks, images, strict=True):
                seen = learning.calibration[task]
                assert isinstance(seen.inputs, Tensor) and seen.teacher is not None
                features = functional_call(learning.tower.module, theta, (preprocess(seen.inputs[rows], CONFIG),))
                clouds.append((features, seen.teacher[rows]))
            at = torch.from_numpy(tasks)
            merged_out, teacher_out = (
                learning.class_vectors.outputs(torch.stack(each), at, settings.space)
                for each in zip(*clouds, strict=True)
            )
            value = loss(merged_out, teacher_out)
            total = total + value
            weight = len(learning.calibration) - 1 if side == "pre" else 1  # each task weighs the same
            objective = objective + weight * value
        optimiser.zero_grad()
        objective.backward()
        optimiser.step()
        losses.append(total.item())
    return {name: tensor.detach() for name, tensor in merged().items()}, losses


def settings_of(**fields) -> Otmf:
    return Otmf(
        **{"iterations": 4, "batch": 6, "lr": 0.02, "loss": "sinkhorn", "space": "softmax", "blur": 0.1, **fields}
    )


def compare(settings: Otmf, folder: Path) -> None:
    """Run a fusion and hold its Δ_m and its losses against autograd's."""
    rows: list = []
    context, _, base = context_of(folder, rows)
    pre, post = random_vectors(base)
    expected, losses = by_autograd(settings, REFERENCES[settings.masks]({"pre": pre, "post": post}), context)
    merged = settings.fuse(State(pre), post, context).delta
    for name in base:
        if name in KEYS and settings.masks in ("row", "low-rank"):
            merged[name][KEYS[name]] = expected[name][KEYS[name]] = 0
        torch.testing.assert_close(merged[name], expected[name], atol=2e-5, rtol=1e-3)
    sums = [sum(row[f"loss_{side}"] or 0.0 for side in SIDES) for row in rows]
    assert sums == pytest.approx(losses, rel=1e-4)
    untrained = FAMILIES[settings.masks](Fusion(base, pre, post, {"pre": settings.alpha, "post": 1 - settings.alpha}))
    difference = (merged[name] - delta for name, delta in untrained.merged().items())
    assert max(each.abs().max().item() for each in difference) > 1e-3


def test_every_family_but_the_default_one_has_its_reference():
    assert FAMILIES.keys() - {"element"} == REFERENCES.keys()


@pytest.mark.parametrize("masks", REFERENCES)
@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_a_fusion_is_autograds(masks: str, update: str, tmp_path: Path):
    compare(settings_of(masks=masks, update=update), tmp_path)


@pytest.mark.parametrize("update", ["joint", "alternating"])
@pytest.mark.parametrize("loss", ["sinkhorn", "paired"])
@pytest.mark.parametrize("space", ["logits", "raw"])
def test_a_fusion_with_masks_per_row_is_autograds_by_any_loss(update: str, loss: str, space: str, tmp_path: Path):
    compare(settings_of(masks="row", update=update, loss=loss, space=space), tmp_path)
