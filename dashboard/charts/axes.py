"""The axes that several charts have."""

from __future__ import annotations

from collections.abc import Iterable


def accuracy_range(values: Iterable[float | None]) -> tuple[float, float]:
    """The ends of an axis of accuracies, percent: 0 to 100, and from lower of a task compared by rank that fell there.

    Missing values (None or NaN) are passed over.
    """
    return min([0.0, *(value - 2 for value in values if value is not None and value < 0)]), 101.0
