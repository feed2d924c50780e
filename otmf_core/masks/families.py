"""The families of masks, by the name that OTMF's setting has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from otmf_core.masks import grouped
from otmf_core.masks.base import MaskPair
from otmf_core.masks.element import ElementMasks
from otmf_core.masks.grouped import GroupedMasks, Grouping
from otmf_core.masks.low_rank import LowRankMasks
from otmf_core.masks.packed import PackedMasks
from otmf_core.masks.shared import SharedMasks
from otmf_core.masks.singular import SingularMasks
from otmf_core.models.task_vector import StateDict, Tensors


class Fusion(NamedTuple):
    """What masks are made for: θ⁰, Δ_pre and Δ_post, the factors of both, heads of attention, and a seed of draws.

    `together` where every iteration trains both masks and the factors stay.
    """

    base: Tensors
    pre: StateDict
    post: StateDict
    factor: Mapping[str, float]
    heads: int = 1
    draw: tuple[int, ...] = (0,)
    together: bool = False

    @property
    def held(self) -> StateDict:
        """θ⁰ in memory, of masks that write weights from it at every iteration."""
        return dict(self.base)


def _grouped(grouping: Grouping) -> Callable[[Fusion], MaskPair]:
    return lambda of: GroupedMasks(held := of.held, of.pre, of.post, of.factor, grouping(held, of.heads))


def _element(of: Fusion) -> MaskPair:
    if of.together:
        return PackedMasks(SharedMasks, of.base, of.pre, of.post, of.factor)
    return PackedMasks(ElementMasks, of.held, of.pre, of.post, of.factor)


FAMILIES: dict[str, Callable[[Fusion], MaskPair]] = {
    "element": _element,
    "row": _grouped(grouped.rows),
    "head": _grouped(grouped.attention_heads),
    "low-rank": lambda of: LowRankMasks(of.held, of.pre, of.post, of.factor, of.draw),
    "singular": lambda of: SingularMasks(of.held, of.pre, of.post, of.factor),
    "layer": _grouped(grouped.layers),
    "task": _grouped(grouped.tasks),
}
