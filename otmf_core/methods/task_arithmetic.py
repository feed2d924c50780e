"""Task arithmetic (arXiv 2212.04089): the scaled sum of the task vectors, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.models.task_vector import StateDict, combined, scaled
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.context import Context

LAMBDA = Shown(
    label="λ, scaling",
    symbol="λ",
    help="Factor of every task vector; the field uses 0.3 for 8 tasks and 0.1 for 14 and 20.",
    main=True,
    slider=(0.0, 1.0),
    step=0.05,
    sweep=(0.1, 0.2, 0.3, 0.4, 0.5),
)


class TaskArithmetic(Method):
    """Δ_m = Δ_pre + λΔ_post, first λΔ¹; after T steps the joint λ·ΣΔ."""

    title = "Task arithmetic"
    about = "the scaled sum of the task vectors"
    paper = "arXiv 2212.04089"

    name: Literal["task-arithmetic"] = "task-arithmetic"
    scaling: Annotated[float, Field(ge=0, le=2, description="λ, the scale of every task vector"), LAMBDA] = 0.3

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, self.scaling))

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return State(combined(state.delta, incoming, 1.0, self.scaling))
