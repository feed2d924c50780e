"""TIES (arXiv 2306.01708): of every task vector the largest entries, of every entry those of the elected sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import JointMethod, Method, State
from otmf_core.methods.task_arithmetic import Scaling
from otmf_core.models.task_vector import StateDict, scaled
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.context import Context

PAPER, CODE = "arXiv 2306.01708", "github.com/prateeky2806/ties-merging"
KEPT = Shown(label="Entries kept", step=0.05)
Kept = Annotated[
    float, Field(gt=0, le=1, description="share of a vector's entries, the largest, that its trim keeps"), KEPT
]
AGREEING = Shown(label="Entries that agree", choices={"sum": "Sum", "mean": "Mean"})


class Ties(Method):
    """Δ_m = TIES([Δ_pre, λΔ_post]), first λΔ¹.

    That is λ·TIES([Δ_pre/λ, Δ_post]), since TIES commutes with positive factors: both sides of the election are on one
    scale, and two tasks are merged as all at once. Published: Δ_m = Δ_pre + λ·TIES([Δ_pre, Δ_post]), which counts Δ_pre
    twice and elects between it, scaled already, and an unscaled Δ_post.
    """

    title = "TIES"
    about = "adds up the largest entries that agree in sign: less interference, smaller ones are lost at every step"
    paper = PAPER
    code = CODE
    differs = (
        "The paper merges all tasks at once and takes the mean; FusionBench's continual form, which adds what was "
        "merged before a second time, is a setting."
    )

    name: Literal["ties"] = "ties"
    scaling: Scaling = 0.3
    keep: Kept = 0.2
    aggregate: Annotated[
        Literal["sum", "mean"],
        Field(description="what entries of one sign become; their mean halves those merged before"),
        AGREEING,
    ] = "sum"
    published: Annotated[
        bool,
        Field(
            description="whether what was merged before is added a second time, untrimmed, as in published tables: it "
            "loses no entry, and its largest ones grow with every step"
        ),
        Shown(label="Published form"),
    ] = False

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, self.scaling))

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        from otmf_core.methods.entries import ties

        factor = self.scaling if self.published else 1.0
        rows = [(factor, state.delta), (self.scaling, incoming)]
        merged = ties(rows, self.keep, mean=self.aggregate == "mean")
        if self.published:
            for name, tensor in merged.items():
                tensor += state.delta[name]
        return State(merged)


class JointTies(JointMethod):
    """Δ_m = λ·TIES([Δ¹, …, Δᵗ])."""

    title = "TIES, joint"
    about = (
        "adds up the largest entries of all task vectors that agree in sign: less interference, smaller ones are lost"
    )
    paper = PAPER
    code = CODE
    differs = (
        "Entries that agree are added up with λ = 0.3, as in FusionBench; the paper takes their mean. Trimmed is the "
        "model as a whole, as by the authors; peft trims every tensor by itself."
    )

    name: Literal["ties-joint"] = "ties-joint"
    scaling: Scaling = 0.3
    keep: Kept = 0.2
    aggregate: Annotated[
        Literal["sum", "mean"],
        Field(description="what entries of one sign become; their mean stays small whatever their number"),
        AGREEING,
    ] = "sum"

    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        from otmf_core.methods.entries import ties

        return ties([(self.scaling, delta) for delta in vectors], self.keep, mean=self.aggregate == "mean")
