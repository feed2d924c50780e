"""Masks over the singular components of the matrices of a task vector, as AdaRank (arXiv 2503.22178) has them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from otmf_core.masks.measures import SIDES
from otmf_core.masks.trained import TrainedMasks
from otmf_core.models.matrices import matrices
from otmf_core.models.task_vector import StateDict


class SingularMasks(TrainedMasks):
    """M ⊙ Δ = U·diag(m ⊙ σ)·Vᵀ of each matrix Δ = U·diag(σ)·Vᵀ, q, k and v apart; one entry for any other tensor.

    dL/dm_i = factor · σ_i · u_iᵀGv_i. Entries are free, where AdaRank's are 0 or 1, and all one at first. The mask of a
    tensor is (components,), or (3, components) where q, k and v are stacked.
    """

    of_weights = False

    def __init__(self, base: StateDict, pre: StateDict, post: StateDict, factor: Mapping[str, float]) -> None:
        self.spectra: dict[str, dict[str, list[tuple[Tensor, Tensor]]]] = {}  # U·diag(σ) and Vᵀ of a tensor's matrices
        values: dict[str, StateDict] = {}
        for side, delta in zip(SIDES, (pre, post), strict=True):
            spectra: dict[str, list[tuple[Tensor, Tensor]]] = {}
            for matrix in matrices({name: delta[name] for name in base}):
                u, singular, vh = torch.linalg.svd(matrix.values.float(), full_matrices=False)
                spectra.setdefault(matrix.name, []).append((u * singular, vh))
            self.spectra[side] = spectra
            sizes = {name: (len(parts), len(parts[0][1])) for name, parts in spectra.items()}
            values[side] = {name: tensor.new_ones(sizes.get(name, (1, 1))) for name, tensor in base.items()}
        super().__init__(base, pre, post, factor, values)

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
