"""Continual-merging metrics of an accuracy matrix (definitions: docs of each function; percent in, percent out).

`matrix[t][i]` is the accuracy on task i after step t, t = 0…T (row 0 is the pre-trained model), None where it was
not evaluated. Tasks are counted from 0 in code, so task i is merged at step i + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

Matrix = Sequence[Sequence[float | None]]


def _at(matrix: Matrix, step: int, task: int) -> float:
    value = matrix[step][task]
    if value is None:
        raise ValueError(f"the accuracy of task {task} after step {step} is needed and was not evaluated")
    return value


def acc(matrix: Matrix) -> float:
    """ACC = mean_i a[T][i]."""
    last = len(matrix) - 1
    return fmean(_at(matrix, last, i) for i in range(last))


def bwt(matrix: Matrix) -> float:
    """BWT = 1/(T−1) Σ_{i<T} (a[T][i] − a[i][i]): negative where tasks were forgotten."""
    last = len(matrix) - 1
    return fmean(_at(matrix, last, i) - _at(matrix, i + 1, i) for i in range(last - 1))


def fwt(matrix: Matrix) -> float:
    """FWT = mean over i ≥ 2 of (a[i−1][i] − a[0][i]): what a task gained before it was merged."""
    last = len(matrix) - 1
    return fmean(_at(matrix, i, i) - _at(matrix, 0, i) for i in range(1, last))


def forgetting(matrix: Matrix) -> list[float]:
    """Forgetting_i = max_{i≤t<T} a[t][i] − a[T][i], for each task but the last."""
    last = len(matrix) - 1
    return [max(_at(matrix, t, i) for t in range(i + 1, last)) - _at(matrix, last, i) for i in range(last - 1)]


def stability(matrix: Matrix) -> float | None:
    """Retention: 100 · mean over i < T of a[T][i]/a[i][i]; None when a task was not above 0 % after its merge."""
    last = len(matrix) - 1
    after = [_at(matrix, i + 1, i) for i in range(last - 1)]
    if min(after, default=1) <= 0:
        return None
    return 100 * fmean(_at(matrix, last, i) / after[i] for i in range(last - 1))


def plasticity(matrix: Matrix, individual: Sequence[float]) -> float | None:
    """100 · mean_t a[t][t]/individual_t; None when a fine-tuned model is not above 0 % on its own task."""
    if min(individual) <= 0:
        return None
    return 100 * fmean(_at(matrix, i + 1, i) / individual[i] for i in range(len(individual)))


def normalised_acc(matrix: Matrix, individual: Sequence[float]) -> float | None:
    """100 · mean_i a[T][i]/individual_i; None when a fine-tuned model is not above 0 % on its own task."""
    last = len(matrix) - 1
    if min(individual) <= 0:
        return None
    return 100 * fmean(_at(matrix, last, i) / individual[i] for i in range(last))


def summary(matrix: Matrix, individual: Sequence[float]) -> dict[str, float | list[float] | None]:
    """Every metric of a finished run, by its name in the record."""
    return {
        "acc": acc(matrix),
        "bwt": bwt(matrix),
        "fwt": fwt(matrix),
        "forgetting": forgetting(matrix),
        "stability": stability(matrix),
        "plasticity": plasticity(matrix, individual),
        "normalised_acc": normalised_acc(matrix, individual),
    }


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's ρ of two series of the same length, from −1 to 1: the correlation of ranks, mean ranks where values
    are tied; 0 where one of them does not vary."""
    ranks = [_ranks(values) for values in (first, second)]
    centred = [[rank - fmean(own) for rank in own] for own in ranks]
    squares = [sum(value * value for value in own) for own in centred]
    if not all(squares):
        return 0.0
    return sum(x * y for x, y in zip(*centred, strict=True)) / (squares[0] * squares[1]) ** 0.5


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of every value from 1, the mean of those that tied ones share."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    ranks, start = [0.0] * len(values), 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for index in order[start:end]:
            ranks[index] = (start + 1 + end) / 2
        start = end
    return ranks
