"""Masks over the singular components of the matrices of a task vector, as AdaRank (arXiv 2503.22178) has them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from otmf_core.masks.adam import Adam, to_device
from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import SIDES
from otmf_core.models.matrices import matrices
from otmf_core.models.task_vector import StateDict


class SingularMasks(MaskPair):
    """M ⊙ Δ = U·diag(m ⊙ σ)·Vᵀ of each matrix Δ = U·diag(σ)·Vᵀ, q, k and v apart; one entry for any other tensor.

    dL/dm_i = factor · σ_i · u_iᵀGv_i. Entries are free, where AdaRank's are 0 or 1, and all one at first. The mask of a
    tensor is (components,), or (3, components) where q, k and v are stacked.
    """

    of_weights = False

    def __init__(self, base: StateDict, pre: StateDict, post: StateDict, factor: Mapping[str, float]) -> None:
        super().__init__(base, pre, post, factor)
        self.spectra: dict[str, dict[str, list[tuple[Tensor, Tensor]]]] = {}  # U·diag(σ) and Vᵀ of a tensor's matrices
        self.values: dict[str, StateDict] = {}
        for side in SIDES:
            spectra: dict[str, list[tuple[Tensor, Tensor]]] = {}
            for matrix in matrices({name: self.delta[side][name] for name in base}):
                u, singular, vh = torch.linalg.svd(matrix.values.float(), full_matrices=False)
                spectra.setdefault(matrix.name, []).append((u * singular, vh))
            self.spectra[side] = spectra
            sizes = {name: (len(parts), len(parts[0][1])) for name, parts in spectra.items()}
            self.values[side] = {name: tensor.new_ones(sizes.get(name, (1, 1))) for name, tensor in base.items()}
        self.adams = {side: Adam(self.values[side]) for side in SIDES}

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        self._sides = sides
        for side in sides:
            self.adams[side].begin(rate)

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        for side in self._sides:
            values = self.values[side][name]
            if name in self.spectra[side]:
                parts = zip(matrices({name: grad.float()}), self.spectra[side][name], strict=True)
                gradient = torch.stack([(us * (part.values @ vh.T)).sum(dim=0) for part, (us, vh) in parts])
            else:
                gradient = (self.delta[side][name].float() * grad.float()).sum().view(1, 1)
            self.adams[side].move(name, values, self.factor[side] * gradient)
        self.write(name, weight)

    def mask(self, side: str, name: str) -> Tensor:
        values = self.values[side][name]
        return values[0] if len(values) == 1 else values

    def part(self, side: str, name: str) -> Tensor:
        values = self.values[side][name]
        if name not in self.spectra[side]:
            return values.view((1,) * self.base[name].dim()) * self.delta[side][name]
        part = torch.empty_like(self.base[name])
        for matrix, own, (us, vh) in zip(matrices({name: part}), values, self.spectra[side][name], strict=True):
            matrix.values.copy_((us * own) @ vh)
        return part

    def write(self, name: str, weight: Tensor) -> None:
        torch.add(self.base[name], self.part("pre", name), alpha=self.factor["pre"], out=weight)
        weight.add_(self.part("post", name), alpha=self.factor["post"])

    def entries(self) -> int:
        return sum(values.numel() for side in SIDES for values in self.values[side].values())

    def state(self) -> StateDict:
        tensors = {}
        for side in SIDES:
            tensors |= {f"{side}/mask/{name}": value for name, value in self.values[side].items()}
            tensors |= {f"{side}/{key}": value for key, value in self.adams[side].state().items()}
        return tensors

    def load(self, state: StateDict) -> None:
        state = to_device(state, self.base)
        for side in SIDES:
            own = {key.removeprefix(f"{side}/"): value for key, value in state.items() if key.startswith(f"{side}/")}
            self.values[side] = {name: own[f"mask/{name}"] for name in self.values[side]}
            self.adams[side].load(own)
