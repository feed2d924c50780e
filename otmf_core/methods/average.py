"""Continual average (SWA): the merged vector is the mean of the task vectors seen so far."""

from __future__ import annotations

from otmf_core.config import MergeConfig
from otmf_core.methods.context import Context
from otmf_core.models.task_vector import StateDict, combined, scaled


def first(delta: StateDict, config: MergeConfig) -> StateDict:
    """Δ_m⁽¹⁾ = Δ¹."""
    return scaled(delta, 1.0)


def step(base: StateDict, pre: StateDict, post: StateDict, context: Context) -> StateDict:
    """Δ_m = ((t−1)·Δ_pre + Δ_post) / t."""
    return combined(pre, post, (context.step - 1) / context.step, 1 / context.step)
