"""Measures from histograms against counts of the masks themselves."""

from __future__ import annotations

import numpy as np
import pytest

from otmf_core.masks.measures import BIN_WIDTH, BINS, COMMON_RANGE, RANGE, drift, overlap, share_below


def histogram(mask: np.ndarray, span: tuple[float, float] = RANGE) -> np.ndarray:
    return np.histogram(np.clip(mask, *span), BINS, span)[0][None]


def parts(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return histogram(mask), np.array([mask.min()]), np.array([mask.max()])


MASKS = {
    "around one": np.random.default_rng(0).normal(1, 0.6, 20_000),
    "untrained": np.ones(500),
    "beyond the range": np.random.default_rng(1).normal(0.5, 3, 20_000),
    "narrow": np.random.default_rng(2).normal(1, 0.005, 5_000),
    "two spikes": np.repeat([0.0, 1.7], [30, 70]),
}


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.1, 0.33, 1.0, 1.01, 2.0])
@pytest.mark.parametrize("name", MASKS)
def test_sparsity_is_the_count_within_the_content_of_two_bins(name: str, threshold: float):
    mask = MASKS[name]
    share = share_below(*parts(mask), threshold)[0]
    exact = np.mean(np.abs(mask) < threshold)
    near = sum(np.mean(np.abs(mask - edge) <= BIN_WIDTH) for edge in (threshold, -threshold))
    assert abs(share - exact) <= near + 1e-12


def test_sparsity_of_a_smooth_mask_is_off_by_a_tenth_of_a_percent_at_most():
    mask = np.random.default_rng(3).normal(1, 0.6, 1_000_000)
    for threshold in (0.05, 0.1, 0.37, 0.9, 1.6):
        assert share_below(*parts(mask), threshold)[0] == pytest.approx(np.mean(np.abs(mask) < threshold), abs=1e-3)


def test_sparsity_is_exact_at_bin_edges_and_where_masks_never_moved():
    ones = parts(np.ones(10))
    assert [share_below(*ones, threshold)[0] for threshold in (0.99, 1.0, 1.0001)] == [0.0, 0.0, 1.0]
    mask = MASKS["around one"]
    edge = RANGE[0] + 80 * BIN_WIDTH  # 1.75; −1.75 is not an edge, and next to nothing lies there
    assert share_below(*parts(mask), edge)[0] == pytest.approx(np.mean(np.abs(mask) < edge), abs=1e-4)


@pytest.mark.parametrize("name", MASKS)
def test_drift_is_the_mean_distance_from_one_within_half_a_bin(name: str):
    if name != "beyond the range":  # of what lies beyond, the histogram tells the number alone
        assert drift(*parts(MASKS[name]))[0] == pytest.approx(np.mean(np.abs(MASKS[name] - 1)), abs=BIN_WIDTH / 2)


def test_overlap_is_the_jaccard_index_of_the_kept_entries():
    random = np.random.default_rng(4)
    pre = random.normal(1, 0.6, 200_000)
    post = 0.5 * pre + random.normal(0.5, 0.4, pre.size)
    common = histogram(np.minimum(np.abs(pre), np.abs(post)), COMMON_RANGE)
    for threshold in (0.1, 0.5, 1.0, 1.5):
        kept_pre, kept_post = (1 - share_below(*parts(mask), threshold) for mask in (pre, post))
        own = [np.abs(mask) >= threshold for mask in (pre, post)]
        exact = (own[0] & own[1]).sum() / (own[0] | own[1]).sum()
        assert overlap(common, kept_pre, kept_post, threshold)[0] == pytest.approx(exact, abs=5e-3)


def test_overlap_by_hand():
    pre, post = np.array([0.0, 0.0, 1.7, 1.7, 1.7]), np.array([0.0, 1.7, 1.7, 0.0, 1.7])
    common = histogram(np.minimum(pre, post), COMMON_RANGE)
    kept_pre, kept_post = (1 - share_below(*parts(mask), 0.5) for mask in (pre, post))
    assert overlap(common, kept_pre, kept_post, 0.5)[0] == pytest.approx(2 / 4)
    assert np.isnan(overlap(common, np.zeros(1), np.zeros(1), 3.0)[0])
