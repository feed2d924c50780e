"""Matched differences against values worked out by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from otmf_core.analysis.matched import interval, matched
from otmf_core.config import MergeConfig
from otmf_core.runs.folder import Run
from otmf_core.runs.state import RunState


def runs(accuracies: dict[tuple[str, ...], float], seed: int = 0) -> list[Run]:
    def record(acc: float) -> Any:
        return cast(Any, SimpleNamespace(acc=acc))

    return [
        Run("id", Path(), "done", "", "", MergeConfig.build(tasks=tasks, seed=seed), RunState(), record(acc))
        for tasks, acc in accuracies.items()
    ]


AB, BA, AC = ("a", "b"), ("b", "a"), ("a", "c")


def test_differences_are_of_the_same_order_and_seed():
    held = matched(runs({AB: 70.0, BA: 68.0, AC: 10.0}), runs({BA: 67.0, AB: 70.05}))
    assert held is not None
    assert held.differences == pytest.approx((-0.05, 1.0))
    assert (held.n, held.wins, held.ties, held.losses) == (2, 1, 1, 0)
    assert held.mean == pytest.approx(0.475)
    # t(0.975, 1) = 12.7062; the standard deviation of two values is their distance over √2
    assert held.high is not None and held.low is not None
    assert held.high - held.mean == pytest.approx(12.7062 * (1.05 / 2**0.5) / 2**0.5, rel=1e-4)
    assert held.mean - held.low == pytest.approx(held.high - held.mean)


def test_nothing_in_common_and_a_single_difference():
    assert matched(runs({AB: 70.0}), runs({AB: 60.0}, seed=1)) is None
    alone = matched(runs({AB: 70.0}), runs({AB: 75.0}))
    assert alone is not None
    assert (alone.n, alone.mean, alone.low, alone.high, alone.losses) == (1, -5.0, None, None, 1)


def test_the_interval_of_four_values():
    # mean 2.5, s = 1.2910, t(0.975, 3) = 3.1824: 2.5 ± 2.0543
    assert interval((1.0, 2.0, 3.0, 4.0)) == pytest.approx((0.4457, 4.5543), abs=1e-4)
    assert interval((1.0,)) == (None, None)
