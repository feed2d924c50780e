"""The two masks of a fusion, M_pre and M_post, trained straight from the gradient of the merged weights.

By equation (1) of arXiv 2511.19561 the gradient of a mask is the weight gradient G times a constant,
dL/dM_pre = α · Δ_pre ⊙ G, so no autograd graph over masks exists: each tensor's G is consumed as backward produces it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from otmf_core.masks.adam import BETAS
from otmf_core.masks.measures import SIDES
from otmf_core.models.task_vector import StateDict, Tensors


class MaskPair(ABC):
    """A family of masks: how finely Δ_pre and Δ_post are scaled, and how that is trained.

    An iteration is `begin`, then `consume` once for each weight as its gradient arrives, then `finish`. Families whose
    parameters span several weights (one scale per task, say) gather in `consume` and write all weights in `finish`.
    """

    momentum: float = BETAS[0]  # Adam's β₁
    of_weights: bool = True  # whether a mask broadcasts to its tensor, so that Δ_m follows from masks alone

    def __init__(self, base: Tensors, pre: Tensors, post: Tensors, factor: Mapping[str, float]) -> None:
        """Δ_pre, Δ_post (any float type) and θ⁰ (float32) have the same keys and shapes; `factor` is of each side."""
        self.base = base
        self.delta = {"pre": pre, "post": post}
        self.factor = dict(factor)

    @abstractmethod
    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        """Start an iteration that trains the masks of `sides` at Adam's `rate`."""

    @abstractmethod
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        """Take in G = dL/dθ_m of one tensor; may write the new θ_m into `weight` at once."""

    def finish(self, weights: StateDict) -> None:  # noqa: B027  most families have nothing left to do
        """End an iteration: write the weights that were not written as their gradients came."""

    @abstractmethod
    def mask(self, side: str, name: str) -> Tensor:
        """The mask of one tensor: the entries that are trained, as far as they act on it."""

    @abstractmethod
    def entries(self) -> int:
        """The number of entries that are trained, of both masks."""

    @abstractmethod
    def state(self) -> StateDict:
        """Everything that training continues from."""

    @abstractmethod
    def load(self, state: StateDict) -> None:
        """Continue from `state()`."""

    def part(self, side: str, name: str) -> Tensor:
        """M ⊙ Δ of one tensor and side, in float32."""
        return self.mask(side, name) * self.delta[side][name]

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        """Write θ_m, equations (1) and (2), into every weight."""
        for name, weight in weights.items():
            self.write(name, weight)

    def write(self, name: str, weight: Tensor) -> None:
        """Write θ_m into the weight of one tensor."""
        pre, post = (self.delta[side][name].float() for side in SIDES)
        torch.addcmul(self.base[name], pre, self.mask("pre", name), value=self.factor["pre"], out=weight)
        weight.addcmul_(post, self.mask("post", name), value=self.factor["post"])

    @torch.no_grad()
    def merged(self) -> StateDict:
        """Δ_m of equation (1), in float32."""
        return {
            name: self.factor["pre"] * self.part("pre", name) + self.factor["post"] * self.part("post", name)
            for name in self.base
        }


def shares(alpha: float) -> dict[str, float]:
    """The factors of both sides in equation (1): α and 1 − α."""
    return {"pre": alpha, "post": 1 - alpha}
