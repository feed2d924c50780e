"""Masks whose α is trained beside them."""

from __future__ import annotations

import torch
from torch import Tensor

from otmf_core.masks.adam import Adam, to_device
from otmf_core.masks.base import MaskPair, shares
from otmf_core.models.task_vector import StateDict

NAME = "alpha"
SHARE_OF_RATE = 0.1  # of the masks' rate: α moves every weight at once


class LearnedShares(MaskPair):
    """Another family's masks, and α in [0, 1] trained by Adam: dL/dα = ⟨G, M_pre ⊙ Δ_pre − M_post ⊙ Δ_post⟩."""

    def __init__(self, masks: MaskPair) -> None:
        """`masks` have factors α and 1 − α, from which training starts."""
        super().__init__(masks.base, masks.delta["pre"], masks.delta["post"], masks.factor)
        self.masks, self.of_weights = masks, masks.of_weights
        first = next(iter(masks.base.values()))
        self.alpha = first.new_tensor([masks.factor["pre"]])
        self.gradient = torch.zeros_like(self.alpha)
        self.adam = Adam({NAME: self.alpha})
        self._share()  # of float32, as after every iteration, so that what is saved before one is what was trained on

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        self.gradient.zero_()
        self.adam.begin(SHARE_OF_RATE * rate)
        self.masks.begin(sides, rate)

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        difference = self.masks.part("pre", name) - self.masks.part("post", name)
        self.gradient += grad.float().flatten() @ difference.flatten()
        self.masks.consume(name, grad, weight)

    @torch.no_grad()
    def finish(self, weights: StateDict) -> None:
        self.masks.finish(weights)
        self.adam.move(NAME, self.alpha, self.gradient)
        self.alpha.clamp_(0, 1)
        self._share()
        self.masks.apply(weights)  # those written as their gradients came are of the α before

    def mask(self, side: str, name: str) -> Tensor:
        return self.masks.mask(side, name)

    def part(self, side: str, name: str) -> Tensor:
        return self.masks.part(side, name)

    def write(self, name: str, weight: Tensor) -> None:
        self.masks.write(name, weight)

    def entries(self) -> int:
        return self.masks.entries() + 1  # α

    def state(self) -> StateDict:
        return {**self.masks.state(), NAME: self.alpha, **{f"{NAME}/{k}": v for k, v in self.adam.state().items()}}

    def load(self, state: StateDict) -> None:
        self.masks.load(state)
        self.alpha = to_device({NAME: state[NAME]}, self.base)[NAME]
        self.adam.load({key.removeprefix(f"{NAME}/"): value for key, value in state.items() if key.startswith(NAME)})
        self._share()

    def _share(self) -> None:
        self.factor = shares(self.alpha.item())
        self.masks.factor = dict(self.factor)
