"""Masks that are one plus a matrix of low rank: M = 1 + ABᵀ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from otmf_core.masks.measures import SIDES
from otmf_core.masks.trained import TrainedMasks
from otmf_core.models.task_vector import StateDict

RANK = 4


class LowRankMasks(TrainedMasks):
    """M = 1 + ABᵀ over a tensor as a matrix (rows, all else), A (rows, r) and B (all else, r); a vector's M is free.

    With P = factor · Δ ⊙ G the gradients are dL/dA = PB and dL/dB = PᵀA. A is drawn, N(0, 1/r), and B is 0 at first, so
    that masks start at one; a vector counts as A = 1, and has B alone.
    """

    def __init__(
        self, base: StateDict, pre: StateDict, post: StateDict, factor: Mapping[str, float], draw: tuple[int, ...]
    ) -> None:
        """`draw` seeds A."""
        values: dict[str, StateDict] = {side: {} for side in SIDES}
        random = np.random.default_rng(draw)
        for side in SIDES:
            for name, tensor in base.items():
                if tensor.dim() < 2:
                    values[side][f"b/{name}"] = tensor.new_zeros(tensor.numel(), 1)
                    continue
                drawn = random.standard_normal((len(tensor), RANK), dtype=np.float32) / RANK**0.5
                values[side][f"a/{name}"] = torch.from_numpy(drawn).to(tensor.device)
                values[side][f"b/{name}"] = tensor.new_zeros(tensor[0].numel(), RANK)
        super().__init__(base, pre, post, factor, values)

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        for side in self._sides:
            products = self.factor[side] * self.delta[side][name].float() * grad.float()
            a, b = self._factors(side, name)
            products = products.reshape(len(a), -1)
            gradients = {"a": products @ b, "b": products.T @ a}
            for part, gradient in gradients.items():
                if (key := f"{part}/{name}") in self.values[side]:
                    self.adams[side].move(key, self.values[side][key], gradient)
        self.write(name, weight)

    def mask(self, side: str, name: str) -> Tensor:
        a, b = self._factors(side, name)
        return (1 + a @ b.T).view_as(self.base[name])

    def _factors(self, side: str, name: str) -> tuple[Tensor, Tensor]:
        b = self.values[side][f"b/{name}"]
        return self.values[side].get(f"a/{name}", b.new_ones(1, 1)), b
