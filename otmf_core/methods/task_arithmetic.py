"""Task arithmetic (arXiv 2212.04089): the scaled sum of the task vectors, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

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
    slider=(0.0, 2.0),
    step=0.05,
    sweep=(0.1, 0.2, 0.3, 0.4, 0.5),
)
Scaling = Annotated[float, Field(ge=0, le=2, description="λ, the scale of every task vector"), LAMBDA]


class TaskArithmetic(Method):
    """Δ_m = Δ_pre + λΔ_post, first λΔ¹; after T steps the joint λ·ΣΔ.

    Rescaled: Δ_m = ((t−1)/t)·Δ_pre + (λ/t)·Δ_post; after T steps λ times the mean. Retained: (1−λ)·Δ_pre + λΔ_post,
    first Δ¹, which is OTMF (arXiv 2511.19561, equation 1) with all masks at one and α = 1 − λ.
    """

    title = "Task arithmetic"
    about = "the scaled sum of the task vectors"
    paper = "arXiv 2212.04089"
    code = "github.com/mlfoundations/task_vectors"

    name: Literal["task-arithmetic"] = "task-arithmetic"
    scaling: Scaling = 0.3
    rescaled: Annotated[
        bool,
        Field(
            description="whether the sum is divided by the number of tasks so far, so that it does not grow with them: "
            "λ times the mean, at λ = 1 the average"
        ),
    ] = False

    retained: Annotated[
        bool,
        Field(
            description="whether what is merged so far gives way by as much as the incoming vector takes, 1 − λ to λ: "
            "OTMF without its masks"
        ),
    ] = False

    @model_validator(mode="after")
    def _one_form(self) -> TaskArithmetic:
        if self.rescaled and self.retained:
            raise ValueError("task arithmetic is rescaled or retained, received both")
        if self.retained and self.scaling > 1:
            raise ValueError(f"scaling is at most 1 where task arithmetic is retained, received {self.scaling:g}")
        return self

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, 1.0 if self.retained else self.scaling))

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        t = context.step
        earlier, share = ((t - 1) / t, 1 / t) if self.rescaled else (1.0, 1.0)
        if self.retained:
            earlier = 1 - self.scaling
        return State(combined(state.delta, incoming, earlier, self.scaling * share))
