"""Losses that compare batches of point clouds (b, n, d) whatever the order of their points: transport and its kin.

Every point has the same mass; a loss is the mean over b, a scalar. `blur` and `reach` are in the units of the points.
Solver of all but `sliced` and `exact`: geomloss (Feydy et al., arXiv 1810.08278).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from geomloss import SamplesLoss
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]  # of merged and teacher outputs (b, n, d), a scalar


def sinkhorn(p: int, blur: float, reach: float | None = None) -> Loss:
    """S_ε, the debiased Sinkhorn divergence, cost |x−y|^p / p and ε = blur^p.

    With `reach` unbalanced (arXiv 1910.12958): marginals are free at ρ = reach^p times their Kullback-Leibler
    divergence, so that no point costs more than about 2ρ, however far. geomloss's gradient is then that of the value
    times (ρ + ε/2) / (ρ + ε), which Adam does not see.
    """

    def divergence(merged: Tensor, teacher: Tensor) -> Tensor:
        # geomloss anneals ε from the diameter down to blur, and cannot begin at 0 (all points alike)
        diameter = max(extent(merged.detach(), teacher), blur)
        solver = SamplesLoss("sinkhorn", p=p, blur=blur, reach=reach, diameter=diameter, backend="tensorized")
        return solver(merged, teacher).mean()

    return divergence


def energy() -> Loss:
    """Half the energy distance: E|x−y| − ½·E|x−x'| − ½·E|y−y'|."""
    distance = SamplesLoss("energy", backend="tensorized")
    return lambda merged, teacher: distance(merged, teacher).mean()


def mmd(blur: float) -> Loss:
    """Half the squared maximum mean discrepancy under the Gaussian kernel exp(−|x−y|² / (2·blur²))."""
    discrepancy = SamplesLoss("gaussian", blur=blur, backend="tensorized")
    return lambda merged, teacher: discrepancy(merged, teacher).mean()


def sliced(p: int, projections: int, draw: tuple[int, ...]) -> Loss:
    """Sliced Wasserstein: the mean over so many lines of the transport along them, cost |·|^p / p.

    Directions are Gaussian, drawn by `draw`, not of length one: dimensions that are zero on both sides then change
    nothing in the mean, and a translation by v costs ½|v|² for p = 2, as under transport.
    """

    def distance(merged: Tensor, teacher: Tensor) -> Tensor:
        lines = torch.from_numpy(np.random.default_rng(draw).standard_normal((merged.shape[-1], projections)))
        first, second = ((cloud @ lines.to(merged)).sort(dim=1).values for cloud in (merged, teacher))
        return ((first - second).abs() ** p).mean() / p

    return distance


def exact(p: int) -> Loss:
    """Optimal transport without blur, cost |x−y|^p / p, differentiated at the plan found, which is kept fixed.

    Between clouds of as many points of one mass a permutation is optimal (Birkhoff); it takes about n³ operations.
    """
    from scipy.optimize import linear_sum_assignment

    def cost(merged: Tensor, teacher: Tensor) -> Tensor:
        partners = []
        for first, second in zip(merged.detach().double(), teacher.double(), strict=True):
            costs = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist") ** p
            partners.append(torch.from_numpy(linear_sum_assignment(costs.cpu().numpy())[1]))
        rows = torch.stack(partners).to(teacher.device)[..., None].expand_as(teacher)
        return ((merged - teacher.gather(1, rows)).norm(dim=-1) ** p).mean() / p

    return cost


def extent(first: Tensor, second: Tensor) -> float:
    """The diagonal of the box around all points: an upper bound of their distances; not finite where they are not."""
    points = torch.cat([first.flatten(0, 1), second.flatten(0, 1)])
    return (points.amax(dim=0) - points.amin(dim=0)).norm().item()
