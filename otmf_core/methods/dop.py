"""DOP (NeurIPS 2025): the matrix that is nearest to both vectors in the directions that each of them has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.methods.matrix_rules import by_matrix
from otmf_core.models.task_vector import StateDict
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.methods.context import Context
    from otmf_core.models.matrices import Matrix

ALPHA = Shown(
    label="α, retention",
    symbol="α",
    help="Weight of the merged vector's directions against the incoming one's; where neither has any, none is needed.",
    main=True,
    slider=(0.0, 1.0),
    step=0.05,
    sweep=(0.5, 0.6, 0.7, 0.8, 0.9),
)
NULL = 1e-10  # of the largest eigenvalue: what is smaller belongs to a null space


class Dop(Method):
    """Of a matrix the D that minimises Σᵢ wᵢ(‖SᵢUᵢᵀ(D − Δᵢ)‖² + ‖(D − Δᵢ)VᵢSᵢ‖²), w = (α, 1−α), Δᵢ = UᵢSᵢVᵢᵀ.

    Its gradient is zero where (Σwᵢ ΔᵢΔᵢᵀ)D + D(Σwᵢ ΔᵢᵀΔᵢ) = 2Σwᵢ ΔᵢΔᵢᵀΔᵢ, a Sylvester equation; of its solutions the
    one of least norm. Of any other tensor the mean of Δ_pre and Δ_post. First Δ¹.
    """

    title = "DOP"
    about = "keeps both vectors in the directions that they have, by one equation for every matrix"
    paper = "NeurIPS 2025"
    code = "github.com/tanganke/fusion_bench"
    differs = (
        "weights are fixed and the minimum is solved for, where the authors take 200 steps of Adam towards it from the "
        "mean, while the weights move a little; the class token is averaged, which their code leaves out; and the "
        "projection out, which their models lack, is a matrix like the others"
    )

    name: Literal["dop"] = "dop"
    alpha: Annotated[float, Field(ge=0, le=1, description="weight of the merged vector's directions"), ALPHA] = 0.8

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return State(by_matrix([state.delta, incoming], self._nearest, "mean"))

    def _nearest(self, parts: Sequence[Tensor], matrix: Matrix) -> Tensor:
        """D (rows, columns) in float64, since the equation has squares of singular values."""
        import torch

        here = "cpu" if parts[0].device.type == "mps" else parts[0].device  # where there is float64
        weights, deltas = (self.alpha, 1 - self.alpha), [part.to(here, torch.float64) for part in parts]
        factors = [weight**0.5 * delta for weight, delta in zip(weights, deltas, strict=True)]
        if not any(factor.any() for factor in factors):
            return torch.zeros_like(parts[0])
        rows, left = _eigen(torch.cat(factors, dim=1))
        columns, right = _eigen(torch.cat([factor.T for factor in factors], dim=1))
        wanted = sum(
            2 * weight * (left.T @ delta) @ delta.T @ (delta @ right)
            for weight, delta in zip(weights, deltas, strict=True)
        )
        divisor = rows[:, None] + columns
        solution = torch.where(divisor > NULL * divisor.max(), wanted / divisor, 0.0)
        return left @ solution @ right.T


def _eigen(factor: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (k,) and eigenvectors (m, k) of FFᵀ for F (m, n), all of them or those that are not null."""
    import torch

    if factor.shape[0] <= factor.shape[1]:
        return torch.linalg.eigh(factor @ factor.T)
    values, vectors = torch.linalg.eigh(factor.T @ factor)
    present = values > NULL * values[-1]
    return values[present], factor @ vectors[:, present] / values[present].sqrt()
