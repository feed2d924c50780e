"""Along the mask steps of every fusion: the two transport losses, and the means of the two masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN, POST, PRE

Sides = tuple[Sequence[float | None], Sequence[float | None]]  # pre, post
LABELS = (("Pre: merged so far", PRE), ("Post: incoming task", POST))


def loss_curves(fusions: Mapping[int, Sides], steps: int, tasks: Sequence[str], names: Mapping[str, str]) -> go.Figure:
    """Loss against the mask step, fusions side by side: pre (towards what was merged), post (towards the new task).

    `fusions` maps a step t (2…T) to its losses, one per mask step, None where that side was not trained; a fusion
    has `steps` mask steps.
    """
    figure = _curves(fusions, steps, tasks, names)
    figure.update_yaxes(title="Transport loss", rangemode="tozero")
    return figure


def mask_means(fusions: Mapping[int, Sides], steps: int, tasks: Sequence[str], names: Mapping[str, str]) -> go.Figure:
    """Mean of all mask entries against the mask step, fusions side by side, both sides; the line is at 1, unmasked.

    Arguments as for `loss_curves`, None where no mean was reported.
    """
    figure = _curves(fusions, steps, tasks, names)
    one = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
    figure.add_shape(**one, line={"color": MEAN, "width": 1, "dash": "dot"})
    figure.update_yaxes(title="Mean mask")
    return figure


def _curves(fusions: Mapping[int, Sides], steps: int, tasks: Sequence[str], names: Mapping[str, str]) -> go.Figure:
    figure = go.Figure()
    for side, (name, colour) in enumerate(LABELS):
        x: list[float | None] = []
        y: list[float | None] = []
        for step in sorted(fusions):
            start = (step - 2) * steps
            values = [(start + k, value) for k, value in enumerate(fusions[step][side], 1) if value is not None]
            x += [place for place, _ in values] + [None]
            y += [value for _, value in values] + [None]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=name,
            line={"color": colour, "width": 1.8},
            hovertemplate="%{y:.4g}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(
        title=f"Mask step ({steps} per fusion), by incoming task",
        tickvals=[(step - 1.5) * steps for step in range(2, len(tasks) + 1)],
        ticktext=[names[task] for task in tasks[1:]],
        tickangle=-30 if len(tasks) > 5 else 0,
        range=[0, max(1, (len(tasks) - 1) * steps)],
    )
    between = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "opacity": 0.5}
    between["line"] = {"color": PRE, "width": 1, "dash": "dot"}
    ends = [(step - 2) * steps for step in range(3, len(tasks) + 1)]
    figure.update_layout(
        shapes=[{**between, "x0": end, "x1": end} for end in ends],
        height=300,
    )
    return figure
