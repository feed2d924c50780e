"""The families of masks, by the name that OTMF's setting has for them."""

from __future__ import annotations

from otmf_core.masks.base import MaskPair
from otmf_core.masks.element import ElementMasks
from otmf_core.masks.row import RowMasks

FAMILIES: dict[str, type[MaskPair]] = {
    "element": ElementMasks,
    "row": RowMasks,
}
