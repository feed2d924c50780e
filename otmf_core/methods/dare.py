"""DARE (arXiv 2311.03099): entries of the incoming task vector are dropped at random before another rule merges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.methods.task_arithmetic import Scaling, TaskArithmetic
from otmf_core.methods.ties import KEPT, Ties
from otmf_core.models.task_vector import StateDict
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.context import Context

DROP = Shown(
    label="p, share dropped",
    symbol="p",
    help="Share of the incoming task vector's entries that are dropped at random; the others are divided by 1 − p.",
    main=True,
    slider=(0.0, 0.95),
    step=0.05,
    sweep=(0.1, 0.3, 0.5, 0.7, 0.9),
)
CONSENSUS = {"task-arithmetic": "Task arithmetic", "ties": "TIES"}


class Dare(Method):
    """Δ_post ← b ⊙ Δ_post/(1−p), b ~ Bernoulli(1−p) per entry; then a step of task arithmetic or TIES."""

    title = "DARE"
    about = "task arithmetic or TIES over a random part of each task vector: sparse at the same mean, varies with seeds"
    paper = "arXiv 2311.03099"
    code = "github.com/yule-BUAA/MergeLM"
    differs = (
        "The paper merges all tasks at once; here the incoming vector alone is dropped from, since dropping from what "
        "was merged before, again and again, would leave nothing of earlier tasks."
    )

    name: Literal["dare"] = "dare"
    drop: Annotated[
        float, Field(ge=0, lt=1, description="p, the share of the incoming vector's entries that are dropped"), DROP
    ] = 0.5
    scaling: Scaling = 0.3
    consensus: Annotated[
        Literal["task-arithmetic", "ties"],
        Field(description="the rule that merges what was not dropped"),
        Shown(label="Merged by", choices=CONSENSUS),
    ] = "task-arithmetic"
    keep: Annotated[
        float,
        Field(gt=0, le=1, description="share of all entries that TIES keeps after the drop; 1 as in mergekit: all"),
        KEPT,
    ] = 0.2

    def begin(self, incoming: StateDict, context: Context) -> State:
        return self._rule().begin(self._thinned(incoming, context), context)

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return self._rule().fuse(state, self._thinned(incoming, context), context)

    @property
    def model_copies(self) -> int:
        """Those of the rule, and the thinned Δ_post."""
        return self._rule().model_copies + 1

    def _rule(self) -> Method:
        arithmetic = self.consensus == "task-arithmetic"
        return TaskArithmetic(scaling=self.scaling) if arithmetic else Ties(scaling=self.scaling, keep=self.keep)

    def _thinned(self, incoming: StateDict, context: Context) -> StateDict:
        from otmf_core.methods.entries import dropped

        return dropped(incoming, self.drop, context)
