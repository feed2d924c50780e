"""MagMax (arXiv 2407.06322): of every entry the largest in magnitude of all task vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.methods.task_arithmetic import LAMBDA
from otmf_core.models.task_vector import StateDict, scaled

if TYPE_CHECKING:
    from otmf_core.methods.context import Context

FACTOR = replace(LAMBDA, help="Factor of every task vector; the field uses 0.5.", sweep=(0.3, 0.4, 0.5, 0.6, 0.7))


class MagMax(Method):
    """Δ_m = λΔ_post where |λΔ_post| ≥ |Δ_pre|, else Δ_pre; first λΔ¹. After T steps λ times the largest entries."""

    title = "MagMax"
    about = "of every entry the largest of all task vectors: in any order the same, but an entry serves one task"
    paper = "arXiv 2407.06322"
    code = "github.com/danielm1405/magmax"
    differs = "The paper fine-tunes each model from the last one; here models are fine-tuned independently."

    name: Literal["magmax"] = "magmax"
    scaling: Annotated[float, Field(ge=0, le=2, description="λ, the scale of every task vector"), FACTOR] = 0.5

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, self.scaling))

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        merged = {}
        for name, pre in state.delta.items():
            post = incoming[name].float() * self.scaling
            merged[name] = post.where(post.abs() >= pre.abs(), pre)
        return State(merged)
