"""Continual average (SWA): the merged vector is the mean of the task vectors seen so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from otmf_core.methods.base import Method, State
from otmf_core.models.task_vector import StateDict, combined

if TYPE_CHECKING:
    from otmf_core.methods.context import Context


class Average(Method):
    """Δ_m = ((t−1)·Δ_pre + Δ_post) / t."""

    title = "Average"
    about = "running average of the task vectors"

    name: Literal["average"] = "average"

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        t = context.step
        return State(combined(state.delta, incoming, (t - 1) / t, 1 / t))
