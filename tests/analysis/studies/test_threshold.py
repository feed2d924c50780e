"""Warnings learned from made-up points, by hand."""

from __future__ import annotations

from math import inf

import pytest

from otmf_core.analysis.studies.threshold import Rule, learned, leave_one_out, rank_correlation


def test_a_limit_stands_in_the_middle_of_the_gap():
    assert learned([0.1, 0.2, 0.8, 0.9], [True, True, False, False]) == Rule(0.5, above=False)
    assert learned([0.9, 0.2, 0.8, 0.1], [True, False, True, False]) == Rule(0.5, above=True)


def test_of_limits_with_as_few_mistakes_the_widest_gap_counts():
    # one mistake at 1.5, 2.5 and 6.0: the last stands in the widest gap
    assert learned([1.0, 2.0, 3.0, 9.0], [False, True, False, True]) == Rule(6.0, above=True)


def test_where_nothing_separates_it_warns_always_or_never():
    assert learned([1.0, 1.0, 1.0], [False, True, False]) == Rule(inf, above=True)
    always = learned([1.0, 1.0, 1.0], [True, True, False])
    assert always == Rule(inf, above=False)
    assert always.warns(5.0) and not Rule(inf, above=True).warns(5.0)


def test_leaving_one_out_counts_what_the_others_get_wrong():
    assert leave_one_out([0.1, 0.2, 0.8, 0.9], [True, True, False, False]) == 0.0
    # without the lone bad point the others never warn, so it is missed; left in, the rest are right
    assert leave_one_out([1.0, 2.0, 3.0, 9.0], [False, False, False, True]) == 0.25


def test_ranks_correlate_as_by_hand():
    assert rank_correlation([1.0, 5.0, 9.0], [2.0, 3.0, 100.0]) == pytest.approx(1.0)
    assert rank_correlation([1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 1.0, 2.0]) == pytest.approx(-0.8)  # 1 − 6·18/(4·15)
    # ranks 0.5, 0.5, 2 and 0, 1, 2: 1.5 / √(1.5 · 2)
    assert rank_correlation([1.0, 1.0, 2.0], [1.0, 2.0, 3.0]) == pytest.approx(1.5 / 3**0.5)
    assert rank_correlation([1.0, 1.0], [1.0, 2.0]) is None
