"""Alignment losses: the Sinkhorn divergence between merged and teacher outputs, and the spaces it is measured in.

Paper: arXiv 2511.19561, equations (3) and (4); solver: geomloss (Feydy et al., arXiv 1810.08278).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from geomloss import SamplesLoss
from torch import Tensor
from torch.nn import functional as F

from otmf_core.errors import InputError

COSINE_SCALE = 4.0  # cosine logits are 4·cos, so that blur keeps the scale of a unit cube


class ClassVectors:
    """The frozen heads of several tasks, padded alike: vectors (tasks, C, d), real (tasks, C), scales (tasks,)."""

    def __init__(self, heads: Sequence[tuple[Tensor, float]]) -> None:
        widest = max(len(weight) for weight, _ in heads)
        self.vectors = torch.stack([F.pad(weight, (0, 0, 0, widest - len(weight))) for weight, _ in heads])
        self.real = torch.stack([torch.arange(widest, device=weight.device) < len(weight) for weight, _ in heads])
        self.scales = torch.tensor([scale for _, scale in heads], device=self.vectors.device)

    def outputs(self, features: Tensor, tasks: Tensor, space: str) -> Tensor:
        """What the heads of `tasks` (b,) see of features (b, n, d): (b, n, d) or, in class spaces, (b, n, C).

        Padded classes are zero, so they add nothing to a distance.
        """
        if space == "raw":
            return features
        features = F.normalize(features, dim=-1)
        if space == "features":
            return features
        cosines = torch.einsum("bnd,bcd->bnc", features, self.vectors[tasks])
        if space == "logits":
            return COSINE_SCALE * cosines
        logits = self.scales[tasks][:, None, None] * cosines
        return logits.masked_fill(~self.real[tasks][:, None, :], float("-inf")).softmax(dim=-1)


def sinkhorn(p: int, blur: float) -> Callable[[Tensor, Tensor], Tensor]:
    """S_ε, the debiased Sinkhorn divergence of two batches of point clouds (b, n, d): mean over b, a scalar.

    `blur` is in the units of the points. Every point has the same mass. Calls raise InputError on points not finite.
    """

    def divergence(merged: Tensor, teacher: Tensor) -> Tensor:
        diameter = _extent(merged.detach(), teacher)
        if not math.isfinite(diameter):
            raise InputError("outputs must stay finite while masks are trained: lower lr or the number of steps")
        # geomloss anneals ε from the diameter down to blur, and cannot begin at 0 (all points alike)
        solver = SamplesLoss("sinkhorn", p=p, blur=blur, diameter=max(diameter, blur), backend="tensorized")
        return solver(merged, teacher).mean()

    return divergence


def _extent(first: Tensor, second: Tensor) -> float:
    """The diagonal of the box around all points: an upper bound of their distances."""
    points = torch.cat([first.flatten(0, 1), second.flatten(0, 1)])
    return (points.amax(dim=0) - points.amin(dim=0)).norm().item()
