"""Task arithmetic (arXiv 2212.04089): the scaled sum of the task vectors, one after another."""

from __future__ import annotations

from otmf_core.config import MergeConfig
from otmf_core.methods.context import Context
from otmf_core.models.task_vector import StateDict, combined, scaled


def first(delta: StateDict, config: MergeConfig) -> StateDict:
    """Δ_m⁽¹⁾ = λΔ¹."""
    return scaled(delta, config.scaling)


def step(base: StateDict, pre: StateDict, post: StateDict, context: Context) -> StateDict:
    """Δ_m = Δ_pre + λΔ_post; after T steps the joint λ·ΣΔ."""
    return combined(pre, post, 1.0, context.config.scaling)
