"""The two transport losses along the mask steps of every fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.charts.colours import POST, PRE

Losses = tuple[Sequence[float | None], Sequence[float | None]]  # pre, post


def loss_curves(fusions: Mapping[int, Losses], steps: int, tasks: Sequence[str], names: Mapping[str, str]) -> go.Figure:
    """Loss against the mask step, fusions side by side: pre (towards what was merged), post (towards the new task).

    `fusions` maps a step t (2…T) to its losses, one per mask step, None where that side was not trained; a fusion
    has `steps` mask steps.
    """
    figure = go.Figure()
    for side, name, colour in ((0, "Pre: merged so far", PRE), (1, "Post: incoming task", POST)):
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
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(title="Transport loss", rangemode="tozero", zeroline=False)
    between = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "opacity": 0.5}
    between["line"] = {"color": PRE, "width": 1, "dash": "dot"}
    ends = [(step - 2) * steps for step in range(3, len(tasks) + 1)]
    figure.update_layout(
        shapes=[{**between, "x0": end, "x1": end} for end in ends],
        height=300,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return figure
