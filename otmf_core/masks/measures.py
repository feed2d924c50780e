"""Measures of a mask from its stored histogram alone: share below a threshold, what both masks keep, drift from one.

Entries of a bin count as spread evenly over it, and the outermost bins end at the mask's own minimum and maximum. So a
share is exact at the edges of bins and wrong by at most the content of the bins that hold ±threshold in between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDES = ("pre", "post")
BINS = 128
RANGE = (-2.0, 4.0)  # of the masks' histograms; entries beyond are counted in the outermost bins
COMMON_RANGE = (0.0, 4.0)  # of the histogram of min(|M_pre|, |M_post|)
BIN_WIDTH = (RANGE[1] - RANGE[0]) / BINS

Floats = NDArray[np.floating]
Counts = NDArray[np.integer]


def share_below(counts: Counts, low: Floats, high: Floats, threshold: float) -> Floats:
    """Share of entries with |mask| < threshold: counts (n, bins), minima and maxima (n,) -> (n,) in 0…1."""
    left, right = _edges(counts, low, high)
    return _below(counts, left, right, threshold) - _below(counts, left, right, -threshold)


def drift(counts: Counts, low: Floats, high: Floats) -> Floats:
    """Mean of |mask − 1|: counts (n, bins), minima and maxima (n,) -> (n,); off by less than half a bin."""
    left, right = _edges(counts, low, high)
    return (counts * np.abs((left + right) / 2 - 1)).sum(1) / counts.sum(1)


def overlap(common: Counts, kept_pre: Floats, kept_post: Floats, threshold: float) -> Floats:
    """Of the entries that either mask keeps (|mask| ≥ threshold), the share that both keep; NaN where none is kept.

    `common` (n, bins) is the histogram of min(|M_pre|, |M_post|), `kept_pre` and `kept_post` (n,) are shares in 0…1.
    The Jaccard index of the two sets of kept entries.
    """
    edges = np.linspace(*COMMON_RANGE, common.shape[1] + 1)
    left, right = (np.broadcast_to(side, common.shape) for side in (edges[:-1], edges[1:]))
    both = 1 - _below(common, left, right, threshold)
    both = np.minimum(both, np.minimum(kept_pre, kept_post))
    either = kept_pre + kept_post - both
    return np.divide(both, either, out=np.full_like(both, np.nan), where=either > 0)


def _edges(counts: Counts, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Left and right ends of every bin, (n, bins) each, as far as the masks' own extremes let them reach."""
    edges = np.linspace(*RANGE, counts.shape[1] + 1)
    low, high = low[:, None], high[:, None]
    left, right = np.clip(edges[:-1], low, high), np.clip(edges[1:], low, high)
    left[:, :1] = np.where(low < edges[0], low, left[:, :1])
    right[:, -1:] = np.where(high > edges[-1], high, right[:, -1:])
    return left, right


def _below(counts: Counts, left: Floats, right: Floats, value: float) -> Floats:
    """Share of entries below `value`; all entries of a bin of no width count as soon as it lies below."""
    width = right - left
    inside = np.divide(value - left, width, out=(left < value).astype(float), where=width > 0)
    return (counts * np.clip(inside, 0, 1)).sum(1) / counts.sum(1)
