"""Alignment losses between merged and teacher outputs.

Paper: arXiv 2511.19561, equations (3) and (4); solver: geomloss (Feydy et al., arXiv 1810.08278).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from geomloss import SamplesLoss
from torch import Tensor

from otmf_core.errors import InputError

NOT_FINITE = "outputs must stay finite while masks are trained: lower lr or the number of iterations"

Loss = Callable[[Tensor, Tensor], Tensor]  # of merged and teacher outputs (b, n, d), a scalar


def sinkhorn(p: int, blur: float) -> Loss:
    """S_ε, the debiased Sinkhorn divergence of two batches of point clouds (b, n, d): mean over b, a scalar.

    `blur` is in the units of the points. Every point has the same mass. Calls raise InputError on points not finite.
    """

    def divergence(merged: Tensor, teacher: Tensor) -> Tensor:
        diameter = _extent(merged.detach(), teacher)
        if not math.isfinite(diameter):
            raise InputError(NOT_FINITE)
        # geomloss anneals ε from the diameter down to blur, and cannot begin at 0 (all points alike)
        solver = SamplesLoss("sinkhorn", p=p, blur=blur, diameter=max(diameter, blur), backend="tensorized")
        return solver(merged, teacher).mean()

    return divergence


def paired(p: int, blur: float) -> Loss:
    """The transport that moves every point to its own image's: mean of ‖x − y‖ (p = 1) or ½‖x − y‖² (p = 2); no blur.

    Calls raise InputError on points not finite.
    """

    def distance(merged: Tensor, teacher: Tensor) -> Tensor:
        value = ((merged - teacher).norm(dim=-1) ** p / p).mean()
        if not math.isfinite(value.item()):
            raise InputError(NOT_FINITE)
        return value

    return distance


LOSSES: dict[str, Callable[[int, float], Loss]] = {
    "sinkhorn": sinkhorn,
    "paired": paired,
}


def _extent(first: Tensor, second: Tensor) -> float:
    """The diagonal of the box around all points: an upper bound of their distances."""
    points = torch.cat([first.flatten(0, 1), second.flatten(0, 1)])
    return (points.amax(dim=0) - points.amin(dim=0)).norm().item()
