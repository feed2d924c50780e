"""Charts along the iterations of every fusion: transport losses, means of the masks, coefficients of both vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN, POST, PRE
from dashboard.text import chart_letters

Sides = tuple[Sequence[float | None], Sequence[float | None]]  # pre, post
SIDE_LABELS = (("Pre: merged so far", PRE), ("Post: incoming task", POST))


def loss_curves(
    fusions: Mapping[int, Sides], iterations: int, tasks: Sequence[str], names: Mapping[str, str]
) -> go.Figure:
    """Loss against the iteration, fusions side by side: pre (towards what was merged), post (towards the new task).

    `fusions` maps a step t (2…T, or from 1) to its losses, one per iteration, None where that side was not trained; a
    fusion has `iterations` of them.
    """
    chart = _curves(fusions, iterations, tasks, names)
    chart.update_yaxes(title="Transport loss", rangemode="tozero")
    return chart


def mask_means(
    fusions: Mapping[int, Sides], iterations: int, tasks: Sequence[str], names: Mapping[str, str]
) -> go.Figure:
    """Mean of all mask entries against the iteration, fusions side by side, both sides; the line is at 1, unmasked.

    Arguments as for `loss_curves`, None where no mean was reported.
    """
    chart = _curves(fusions, iterations, tasks, names)
    one = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
    chart.add_shape(**one, line={"color": MEAN, "width": 1, "dash": "dot"})
    chart.update_yaxes(title="Mean mask")
    return chart


def coefficients(
    fusions: Mapping[int, Sides], iterations: int, tasks: Sequence[str], names: Mapping[str, str]
) -> go.Figure:
    """The coefficients of both vectors against the iteration, where learned; arguments as for `loss_curves`."""
    chart = _curves(fusions, iterations, tasks, names)
    chart.update_yaxes(title="Coefficient", rangemode="tozero")
    return chart


def _curves(fusions: Mapping[int, Sides], iterations: int, tasks: Sequence[str], names: Mapping[str, str]) -> go.Figure:
    chart, first = go.Figure(), min([2, *fusions])
    for side, (label, colour) in enumerate(SIDE_LABELS):
        x: list[float | None] = []
        y: list[float | None] = []
        for step in sorted(fusions):
            start = (step - first) * iterations
            points = [(start + k, value) for k, value in enumerate(fusions[step][side], 1) if value is not None]
            x += [position for position, _ in points] + [None]
            y += [value for _, value in points] + [None]
        chart.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=label,
            line={"color": colour, "width": 1.8},
            hovertemplate="%{y:.4g}<extra>%{fullData.name}</extra>",
        )
    chart.update_xaxes(
        title=f"Iteration ({iterations} per fusion), by incoming task",
        tickvals=[(step - first + 0.5) * iterations for step in range(first, len(tasks) + 1)],
        ticktext=[chart_letters(names[task]) for task in tasks[first - 1 :]],
        tickangle=-30 if len(tasks) > 5 else 0,
        range=[0, max(1, (len(tasks) - first + 1) * iterations)],
    )
    border: dict[str, Any] = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "opacity": 0.5}
    border["line"] = {"color": PRE, "width": 1, "dash": "dot"}
    ends = [(step - first) * iterations for step in range(first + 1, len(tasks) + 1)]
    return chart.update_layout(shapes=[{**border, "x0": end, "x1": end} for end in ends], height=300)
