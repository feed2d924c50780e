"""Every entry of Δ_m on its own, trained by Adam."""

from __future__ import annotations

import torch
from torch import Tensor

from otmf_core.masks.adam import Adam, to_device
from otmf_core.masks.measures import SIDES
from otmf_core.methods.training import Learner
from otmf_core.models.task_vector import StateDict


class Weights(Learner):
    """Δ_m itself; its gradient is that of the merged weights."""

    def __init__(self, base: StateDict, delta: StateDict) -> None:
        """`delta` is Δ_m at the start, in float32, and is changed."""
        self.base, self.delta = base, delta
        self.adam = Adam(delta)

    def begin(self, rate: float, sides: tuple[str, ...] = SIDES) -> None:
        self.adam.begin(rate)

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        """One Adam step on Δ_m of tensor `name`; writes the new θ_m into `weight`."""
        self.adam.move(name, self.delta[name], grad.float())
        torch.add(self.base[name], self.delta[name], out=weight)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        for name, weight in weights.items():
            torch.add(self.base[name], self.delta[name], out=weight)

    def merged(self) -> StateDict:
        """As in Learner; the moments are freed."""
        self.adam.moments.clear()
        return self.delta

    def state(self) -> StateDict:
        return {**{f"delta/{name}": tensor for name, tensor in self.delta.items()}, **self.adam.state()}

    def load(self, state: StateDict) -> None:
        self.delta = to_device({name: state[f"delta/{name}"] for name in self.base}, self.base)
        self.adam.load(state)
