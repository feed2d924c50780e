"""OPCM (arXiv 2501.09522): what an incoming matrix has in the leading directions of the merged one is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.methods.matrix_rules import by_matrix, rank_of
from otmf_core.models.task_vector import StateDict, norm, scaled
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.methods.context import Context
    from otmf_core.models.matrices import Matrix

ALPHA = Shown(
    label="α, protected share",
    symbol="α",
    help="Leading directions of the merged vector that together have up to α of its singular values take in nothing.",
    main=True,
    slider=(0.0, 0.95),
    step=0.05,
    sweep=(0.1, 0.3, 0.5, 0.7, 0.9),
)


class Opcm(Method):
    """Δ_m = D·n̄_t/‖D‖ with D = λ_{t−1}Δ_pre + Δ̃ and λ_t = ‖D‖/n̄_t, where n̄_t is the mean of ‖Δ¹‖…‖Δᵗ‖; first Δ¹.

    Of a matrix Δ_pre = UΣVᵀ let r directions have a cumulative share of ΣΣᵢσᵢ up to α. Then Δ̃ is Δ_post without
    U_r(U_rᵀΔ_postV_r)V_rᵀ and, with `zero_diagonal`, without u_i(u_iᵀΔ_postv_i)v_iᵀ for i from r up to the rank of
    Δ_pre. Of any other tensor Δ̃ = Δ_post. The SVD is thin, in float32.
    """

    title = "OPCM"
    about = "takes in what is orthogonal to the merged model's leading directions, at a steady norm"
    paper = "arXiv 2501.09522"
    code = "github.com/tanganke/opcm"
    differs = (
        "the class token is merged, which the authors' code leaves out; the projection out, which their models lack, "
        "is a matrix like the others; and a zeroed diagonal ends at the rank of the merged matrix, beyond which its "
        "directions are arbitrary"
    )

    name: Literal["opcm"] = "opcm"
    alpha: Annotated[
        float, Field(ge=0, lt=1, description="share of the merged singular values that is protected"), ALPHA
    ] = 0.5
    zero_diagonal: Annotated[
        bool,
        Field(description="whether growth along merged directions is left out, as in the paper; its code keeps it"),
    ] = False

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, 1.0), numbers={"lambda": 1.0})

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        t = context.step
        total = by_matrix([scaled(state.delta, state.numbers["lambda"]), incoming], self._added, "sum")
        # Δ_pre was brought to n̄_{t−1}, so that no earlier norm has to be kept
        mean = ((t - 1) * norm(state.delta) + norm(incoming)) / t
        length = norm(total)
        if not length:
            return State(total, numbers={"lambda": 1.0})
        for tensor in total.values():
            tensor *= mean / length
        return State(total, numbers={"lambda": length / mean})

    @property
    def model_copies(self) -> int:
        """As of any method, and λ_{t−1}Δ_pre."""
        return super().model_copies + 1

    def _added(self, parts: Sequence[Tensor], matrix: Matrix) -> Tensor:
        import torch

        pre, post = parts  # of λ_{t−1}Δ_pre, which has the directions and shares of Δ_pre
        u, singular, vh = torch.linalg.svd(pre, full_matrices=False)
        rank = rank_of(singular, pre)
        protected = int((singular.cumsum(0) <= self.alpha * singular.sum())[:rank].sum())
        lead_u, lead_v = u[:, :protected], vh[:protected].T
        taken = post - lead_u @ (lead_u.T @ post @ lead_v) @ lead_v.T
        if self.zero_diagonal:
            rest_u, rest_v = u[:, protected:rank], vh[protected:rank].T
            taken = taken - rest_u * (rest_u * (post @ rest_v)).sum(0) @ rest_v.T
        return pre + taken
