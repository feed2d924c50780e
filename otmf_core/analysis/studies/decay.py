"""How fast what a merge gave a task fades: a geometric rate a step, fitted to its accuracies along the merge."""

from __future__ import annotations

from collections.abc import Sequence

from otmf_core.metrics import Matrix

LEAST_GAIN = 5.0  # points above the pre-trained model, below which there is nothing to fade
LEAST_STEPS = 3  # after a task's own, below which a rate is noise
FASTEST_GROWTH = 1.2  # the largest rate that is looked for; 1 is no decay
GRID, REFINEMENTS = 200, 6


def kept_gains(matrix: Matrix, task: int) -> list[float | None] | None:
    """(a[i+k][i] − a[0][i]) / (a[i][i] − a[0][i]) for k = 0, 1, … of a task (from 0), None where not evaluated.

    None for a task whose gain over the pre-trained model is too small, or which too few steps follow.
    """
    zero, own = matrix[0][task], matrix[task + 1][task]
    if zero is None or own is None or own - zero < LEAST_GAIN or len(matrix) - task - 2 < LEAST_STEPS:
        return None
    column = [row[task] for row in matrix[task + 1 :]]
    return [None if value is None else (value - zero) / (own - zero) for value in column]


def rate(kept: Sequence[float | None]) -> float:
    """ρ in 0…1.2 of the least Σ (kept[k] − ρᵏ)², in shares and not in logarithms: what is kept may be negative."""
    points = [(k, value) for k, value in enumerate(kept) if k and value is not None]
    low, high = 0.0, FASTEST_GROWTH
    best = 1.0
    for _ in range(REFINEMENTS):
        width = (high - low) / GRID
        best = min((low + width * i for i in range(GRID + 1)), key=lambda rho: _misfit(points, rho))
        low, high = max(0.0, best - width), min(FASTEST_GROWTH, best + width)
    return best


def misfit(kept: Sequence[float | None], rho: float) -> float:
    """The root of the mean squared distance between what is kept and ρᵏ, as a share of the gain."""
    points = [(k, value) for k, value in enumerate(kept) if k and value is not None]
    return (_misfit(points, rho) / len(points)) ** 0.5 if points else 0.0


def _misfit(points: Sequence[tuple[int, float]], rho: float) -> float:
    return sum((value - rho**k) ** 2 for k, value in points)
