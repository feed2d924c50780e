"""Coefficients of several task vectors, Δ_m = Σ_k λ_k·Δ_k: one for each vector, or for each tensor of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import write_tensors
from otmf_core.masks.adam import Adam
from otmf_core.masks.measures import SIDES
from otmf_core.methods.iterating import Row
from otmf_core.methods.training import Learner
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict

NAME = "coefficients"


class Coefficients(Learner):
    """λ in [0, 1], trained by Adam and put back into that range after every iteration; dL/dλ = ⟨G, Δ⟩.

    `values` is (vectors, tensors in the order of θ⁰) or, one for a whole vector, (vectors, 1).
    """

    def __init__(
        self, base: StateDict, vectors: Sequence[StateDict], initial: Sequence[float], by_tensor: bool
    ) -> None:
        """`vectors` are of any float type, `initial` has a coefficient for each of them."""
        self.base, self.vectors = base, vectors
        self.places = {name: place for place, name in enumerate(base)}
        like = next(iter(base.values()))
        self.values = like.new_tensor(list(initial))[:, None].repeat(1, len(base) if by_tensor else 1)
        self.gradient = like.new_zeros(len(vectors), len(base))
        self.adam = Adam({NAME: self.values})

    def begin(self, rate: float, sides: tuple[str, ...] = SIDES) -> None:
        self.gradient.zero_()
        self.adam.begin(rate)

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        flat = grad.float().flatten()
        for vector, own in zip(self.vectors, self.gradient, strict=True):
            own[self.places[name]] = flat @ vector[name].float().flatten()

    @torch.no_grad()
    def finish(self, weights: StateDict) -> None:
        whole = self.values.shape[1] == 1
        self.adam.move(NAME, self.values, self.gradient.sum(dim=1, keepdim=True) if whole else self.gradient)
        self.values.clamp_(0, 1)
        self.apply(weights)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        for name, factors in self.by_tensor().items():
            torch.add(self.base[name], _weighted(self.vectors, name, factors), out=weights[name])

    def by_tensor(self) -> StateDict:
        """λ of every tensor, (vectors,) each."""
        return {name: self.values[:, place if self.values.shape[1] > 1 else 0] for name, place in self.places.items()}

    def merged(self) -> StateDict:
        return combination(self.vectors, self.by_tensor())

    def keep(self, folder: Path, merged: StateDict) -> None:
        keep_coefficients(folder, self.by_tensor())

    def state(self) -> StateDict:
        return {NAME: self.values, **self.adam.state()}

    def load(self, state: StateDict) -> None:
        self.values = state[NAME].to(self.values.device)
        self.adam.load(state)

    def columns(self, iteration: int) -> Row:
        """The mean coefficient of the last vector, and of those before it, over all entries."""
        entries = self.values.new_tensor([tensor.numel() for tensor in self.base.values()])
        means = (self.values * entries).sum(dim=1) / entries.sum() if self.values.shape[1] > 1 else self.values[:, 0]
        return {"coefficient_pre": means[:-1].mean().item(), "coefficient_post": means[-1].item()}


@torch.no_grad()
def combination(vectors: Sequence[StateDict], coefficients: StateDict) -> StateDict:
    """Σ_k λ_k·Δ_k in float32, tensor by tensor, of coefficients (vectors,) for each."""
    return {name: _weighted(vectors, name, factors) for name, factors in coefficients.items()}


def _weighted(vectors: Sequence[StateDict], name: str, factors: Tensor) -> Tensor:
    total = torch.zeros_like(vectors[0][name], dtype=torch.float32)
    for vector, factor in zip(vectors, factors.to(total.device), strict=True):
        total.addcmul_(vector[name].float(), factor)
    return total


def keep_coefficients(folder: Path, coefficients: StateDict) -> None:
    """Keep the coefficients of a step in its folder, from which it is repeated exactly."""
    write_tensors(folder / layout.COEFFICIENTS, {name: own.contiguous() for name, own in coefficients.items()})


def kept_coefficients(folder: Path, vectors: Sequence[StateDict]) -> StateDict:
    """The coefficients of a step; raises InputError unless there is one for every tensor of these vectors."""
    path = folder / layout.COEFFICIENTS
    kept = read_tensors(path)
    for name in vectors[0]:
        if name not in kept or kept[name].shape != (len(vectors),):
            raise InputError(f"a step keeps a coefficient of every tensor and task vector: {name} has not, in {path}")
    return {name: kept[name] for name in vectors[0]}
