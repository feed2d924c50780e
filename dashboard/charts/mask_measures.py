"""The measures of masks that a map shows, a number per tensor, from what a fusion stored of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from otmf_core.masks.measures import drift, overlap, share_below
from otmf_core.masks.reading import MaskStatistics, SideStatistics


def measure_tensors(stats: MaskStatistics, side: str, measure: str, threshold: float) -> NDArray[np.floating] | None:
    """A number per tensor of a side, by a key of MEASURES; None for an overlap that the run did not record."""
    own: SideStatistics = getattr(stats, side)
    if measure == "mean":
        return own.mean
    if measure == "drift":
        return own.drift if own.drift is not None else drift(own.histogram, own.low, own.high)
    if measure == "sparsity":
        return share_below(own.histogram, own.low, own.high, threshold)
    if own.common is None:
        return None
    pre, post = (1 - share_below(each.histogram, each.low, each.high, threshold) for each in (stats.pre, stats.post))
    return overlap(own.common, pre, post, threshold)
