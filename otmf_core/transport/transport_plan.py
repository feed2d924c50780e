"""The transport plan between two clouds of points, in float64 and without torch, and its mass from class to class."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-8  # summed over columns, before the plan is rounded onto its marginals
ITERATIONS = 3000


def transport_plan(first: np.ndarray, second: np.ndarray, blur: float) -> np.ndarray:
    """π (n, m) of the entropic transport between points (n, d) and (m, d), all of the same mass; it sums to one.

    The cost is ½‖x−y‖² and ε = blur², as in the divergence of `transport` with p = 2. Sinkhorn's iterations in the log
    domain, annealed from the largest cost down to ε; then rounded onto the marginals (arXiv 1705.09634, algorithm 2),
    so that rows sum to 1/n and columns to 1/m up to rounding in float64.
    """
    x, y = first.astype(np.float64), second.astype(np.float64)
    cost = np.maximum((x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T, 0) / 2  # (n, m)
    n, m = cost.shape
    epsilon = max(float(cost.max()), blur**2)
    f, g = np.zeros(n), np.zeros(m)
    for _ in range(ITERATIONS):
        g = -epsilon * _logsumexp((f[:, None] - cost) / epsilon - np.log(n), axis=0)
        f = -epsilon * _logsumexp((g[None] - cost) / epsilon - np.log(m), axis=1)
        if epsilon > blur**2:
            epsilon = max(epsilon * 0.8, blur**2)
            continue
        plan = np.exp((f[:, None] + g[None] - cost) / epsilon) / (n * m)
        if np.abs(plan.sum(axis=0) - 1 / m).sum() < TOLERANCE:
            break
    return _rounded(np.exp((f[:, None] + g[None] - cost) / epsilon) / (n * m))


def class_mass(plan: np.ndarray, rows: np.ndarray, columns: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) mass that π moves from points labelled `rows` (n,) to points labelled `columns` (m,)."""
    mass = np.zeros((classes, classes))
    np.add.at(mass, (rows[:, None], columns[None]), plan)
    return mass


def _rounded(plan: np.ndarray) -> np.ndarray:
    n, m = plan.shape
    plan = plan * np.minimum(1 / n / plan.sum(axis=1), 1)[:, None]
    plan = plan * np.minimum(1 / m / plan.sum(axis=0), 1)[None]
    rows, columns = 1 / n - plan.sum(axis=1), 1 / m - plan.sum(axis=0)
    missing = rows.sum()
    return plan + np.outer(rows, columns) / missing if missing > 0 else plan


def _logsumexp(values: np.ndarray, axis: int) -> np.ndarray:
    top = values.max(axis=axis, keepdims=True)
    return np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
