"""Masks with one entry for every row of a tensor, that is, for every output of a layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from otmf_core.masks.base import BETAS, EPS, MaskPair, to_device
from otmf_core.masks.measures import SIDES
from otmf_core.models.task_vector import StateDict


class RowMasks(MaskPair):
    """Entries of shape (rows, 1, …), initialised to one; each side is trained by Adam on its own gradient."""

    def __init__(self, base: StateDict, pre: StateDict, post: StateDict, alpha: float) -> None:
        super().__init__(base, pre, post, alpha)
        self.masks = {side: {name: _rows(tensor).fill_(1) for name, tensor in base.items()} for side in SIDES}
        self.first = {side: {name: _rows(tensor) for name, tensor in base.items()} for side in SIDES}
        self.second = {side: {name: _rows(tensor) for name, tensor in base.items()} for side in SIDES}
        self.counts: dict[str, int] = dict.fromkeys(SIDES, 0)

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        self._sides, self._rate = sides, rate
        for side in sides:
            self.counts[side] += 1

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        for side in self._sides:
            # dL/dM[row] = factor · Σ over the row of Δ ⊙ G
            products = self.factor[side] * self.delta[side][name].float() * grad.float()
            within = tuple(range(1, grad.dim()))
            gradient = products.sum(dim=within, keepdim=True) if within else products  # torch sums all over no dims
            first, second, count = self.first[side][name], self.second[side][name], self.counts[side]
            first.lerp_(gradient, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            denominator = second.sqrt().div_(math.sqrt(1 - BETAS[1] ** count)).add_(EPS)
            self.masks[side][name].addcdiv_(first, denominator, value=-self._rate / (1 - BETAS[0] ** count))
        self.write(name, weight)

    def mask(self, side: str, name: str) -> Tensor:
        return self.masks[side][name]

    def state(self) -> StateDict:
        parts = {"mask": self.masks, "first": self.first, "second": self.second}
        tensors = {
            f"{part}/{side}/{name}": tensor
            for part, sides in parts.items()
            for side in SIDES
            for name, tensor in sides[side].items()
        }
        return tensors | {f"count/{side}": torch.tensor(count) for side, count in self.counts.items()}

    def load(self, state: StateDict) -> None:
        state = to_device(state, self.base)
        for part, sides in (("mask", self.masks), ("first", self.first), ("second", self.second)):
            for side in SIDES:
                sides[side] = {name: state[f"{part}/{side}/{name}"] for name in self.base}
        self.counts = {side: int(state[f"count/{side}"]) for side in SIDES}


def _rows(tensor: Tensor) -> Tensor:
    """Zeros, one for every row of a tensor; for every entry of a vector."""
    return tensor.new_zeros(tensor.shape[:1] + (1,) * (tensor.dim() - 1))
