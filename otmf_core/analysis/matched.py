"""Matched differences: two methods held against each other order by order, where both merged the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from otmf_core.analysis.comparison import metric
from otmf_core.runs.folder import Run

TIE = 0.1  # points of ACC, up to which two runs are level
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Matched:
    """Differences of one method from another, points, over the n orders and seeds that both have.

    `low` and `high` are the ends of Student's 95% interval of the mean (n − 1 degrees of freedom), None where n < 2.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    wins: int
    ties: int
    losses: int
    differences: tuple[float, ...]


def matched(runs: Sequence[Run], reference: Sequence[Run], name: str = "acc") -> Matched | None:
    """`runs` less `reference` in one of METRICS, paired by order and seed; None where they share none."""
    ours, theirs = _by_draw(runs, name), _by_draw(reference, name)
    differences = tuple(ours[draw] - theirs[draw] for draw in ours if draw in theirs)
    if not differences:
        return None
    low, high = interval(differences)
    return Matched(
        n=len(differences),
        mean=fmean(differences),
        low=low,
        high=high,
        wins=sum(each > TIE for each in differences),
        ties=sum(abs(each) <= TIE for each in differences),
        losses=sum(each < -TIE for each in differences),
        differences=differences,
    )


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The ends of Student's 95% confidence interval of the mean of `values`; None where there are fewer than two."""
    if len(values) < 2:
        return None, None
    from scipy.special import stdtrit  # scipy.stats takes a second to load, and a page waits for it

    half = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * stdev(values) / len(values) ** 0.5
    return fmean(values) - half, fmean(values) + half


def _by_draw(runs: Sequence[Run], name: str) -> dict[tuple[tuple[str, ...], int], float]:
    by_draw: dict[tuple[tuple[str, ...], int], float] = {}
    for run in runs:
        value = metric(run, name)
        if value is not None:
            by_draw.setdefault((run.config.tasks, run.config.seed), value)
    return by_draw
