"""The factors of both sides of a fusion, by the rule that OTMF's setting names; α and 1 − α in equation (1)."""

from __future__ import annotations

from otmf_core.masks.base import shares
from otmf_core.models.task_vector import StateDict, norm


def factors(rule: str, alpha: float, pre: StateDict, post: StateDict, step: int) -> dict[str, float]:
    """The factors of Δ_pre and Δ_post at step t, from 2, before any mask.

    `fixed` and `learned` have α and 1 − α, and so has `auto` until it is chosen; `average` (t−1)/t and 1/t; `root`
    1 − 1/√t and 1/√t, as SLAO (arXiv 2512.23017) adds adapters. `norm` scales both alike, so that ‖Δ_pre + Δ_post‖
    becomes the mean norm of the task vectors so far: ((t−1)·‖Δ_pre‖ + ‖Δ_post‖)/t where Δ_pre has the mean norm of
    those before, as OPCM (arXiv 2501.09522) keeps it.
    """
    if rule == "average":
        return shares((step - 1) / step)
    if rule == "root":
        return shares(1 - step**-0.5)
    if rule == "norm":
        mean = ((step - 1) * norm(pre) + norm(post)) / step
        total = norm({name: pre[name].float() + post[name].float() for name in pre})
        return dict.fromkeys(("pre", "post"), mean / total if total else 1.0)
    return shares(alpha)
