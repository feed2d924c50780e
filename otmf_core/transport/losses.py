"""Alignment losses between merged and teacher outputs, equations (3) and (4) of arXiv 2511.19561: the table of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from otmf_core.errors import InputError
from otmf_core.transport import clouds, distributions, pairs
from otmf_core.transport.clouds import Loss

NOT_FINITE = "outputs must stay finite while masks are trained: lower lr or the number of iterations"


@dataclass(frozen=True)
class Cost:
    """What losses may be set to; each reads what it has a use for."""

    p: int = 2  # exponent of the distance
    blur: float = 0.05  # √ε of entropic transport for p = 2, or the width of a kernel
    reach: float = 1.0  # how far unbalanced transport moves mass
    projections: int = 64  # lines of the sliced distance
    draw: tuple[int, ...] = (0,)  # what these are drawn by


LOSSES: dict[str, Callable[[Cost], Loss]] = {
    "sinkhorn": lambda cost: clouds.sinkhorn(cost.p, cost.blur),
    "unbalanced": lambda cost: clouds.sinkhorn(cost.p, cost.blur, cost.reach),
    "sliced": lambda cost: clouds.sliced(cost.p, cost.projections, cost.draw),
    "exact": lambda cost: clouds.exact(cost.p),
    "energy": lambda cost: clouds.energy(),
    "mmd": lambda cost: clouds.mmd(cost.blur),
    "paired": lambda cost: pairs.paired(cost.p),
    "cosine": lambda cost: pairs.cosine,
    "podnet": lambda cost: pairs.podnet,
    "sinkhorn-kl": lambda cost: distributions.transport(cost.blur),  # of log-probabilities, as the two below
    "kl": lambda cost: distributions.divergence,
    "entropy": lambda cost: lambda merged, teacher: distributions.entropy(merged),
}


def alignment(name: str, cost: Cost) -> Loss:
    """The loss of that name; calls raise InputError on outputs that are not finite."""
    loss = LOSSES[name](cost)

    def checked(merged: Tensor, teacher: Tensor) -> Tensor:
        if not math.isfinite(clouds.extent(merged.detach(), teacher)):
            raise InputError(NOT_FINITE)
        return loss(merged, teacher)

    return checked
