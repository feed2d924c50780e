"""A warning learned from points: the limit of one measure that best tells those that are bad from the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from statistics import correlation, fmean
from typing import NamedTuple


class Rule(NamedTuple):
    """Warns where a value lies above `limit`, or below it where not `above`; infinite: always, or never."""

    limit: float
    above: bool

    def warns(self, value: float) -> bool:
        return value > self.limit if self.above else value < self.limit


def learned(values: Sequence[float], bad: Sequence[bool]) -> Rule:
    """The rule with the fewest mistakes; of several the one amid the widest gap, and of those the first one upwards.

    Limits are the middles between neighbouring values, and beyond all of them.
    """
    ascending = sorted(set(values))
    gaps = [(inf, inf)] + [((low + high) / 2, high - low) for low, high in pairwise(ascending)]
    best, least = Rule(inf, True), (len(values) + 1, 0.0)
    for limit, gap in gaps:
        for above in (True, False):
            rule = Rule(limit, above)
            mistakes = sum(rule.warns(value) != is_bad for value, is_bad in zip(values, bad, strict=True))
            rank = (mistakes, -gap if gap < inf else 0.0)
            if rank < least:
                best, least = rule, rank
    return best


def leave_one_out(values: Sequence[float], bad: Sequence[bool]) -> float:
    """The share of points that the rule learned from all others gets wrong."""
    mistakes = []
    for at, value in enumerate(values):
        others = [*values[:at], *values[at + 1 :]], [*bad[:at], *bad[at + 1 :]]
        mistakes.append(learned(*others).warns(value) != bad[at])
    return fmean(mistakes)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's ρ in −1…1, ties at their mean rank; None where one of both is constant."""
    if min(len(set(first)), len(set(second))) < 2:
        return None
    return correlation(_ranks(first), _ranks(second))


def _ranks(values: Sequence[float]) -> list[float]:
    ascending = sorted(values)
    return [ascending.index(value) + (ascending.count(value) - 1) / 2 for value in values]
