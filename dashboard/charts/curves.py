"""Accuracy of every task along the merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN


def accuracy_curves(
    matrix: Sequence[Sequence[float | None] | None],
    tasks: Sequence[str],
    names: Mapping[str, str],
    colours: Mapping[str, str],
) -> go.Figure:
    """Accuracy in percent against the step: a line per task from its merge on, dotted before, and the mean so far.

    `matrix` is (T+1) × T as in the accuracy matrix; `names` and `colours` are by task id.
    """
    figure = go.Figure()
    for place, task in enumerate(tasks):
        known = [(step, row[place]) for step, row in enumerate(matrix) if row is not None and row[place] is not None]
        merged = [(step, value) for step, value in known if step > place]
        before = [(step, value) for step, value in known if step <= place]
        if before:
            figure.add_scatter(
                x=[step for step, _ in before + merged[:1]],
                y=[value for _, value in before + merged[:1]],
                mode="lines+markers",
                name=f"{names[task]}, before its merge",
                legendgroup=task,
                showlegend=False,
                opacity=0.4,
                line={"color": colours[task], "width": 1, "dash": "dot"},
                marker={"size": [4] * len(before) + [0] * len(merged[:1])},
                hovertemplate="%{fullData.name}: %{y:.1f}%<extra></extra>",
            )
        figure.add_scatter(
            x=[step for step, _ in merged],
            y=[value for _, value in merged],
            mode="lines+markers",
            name=names[task],
            legendgroup=task,
            line={"color": colours[task], "width": 2},
            marker={"size": 6},
            hovertemplate="%{fullData.name}: %{y:.1f}%<extra></extra>",
        )
    means = [
        (step, fmean(value for value in row[:step] if value is not None))
        for step, row in enumerate(matrix)
        if step and row is not None and any(value is not None for value in row[:step])
    ]
    figure.add_scatter(
        x=[step for step, _ in means],
        y=[value for _, value in means],
        mode="lines",
        name="Mean of merged",
        line={"color": MEAN, "width": 4, "dash": "dash"},
        hovertemplate="Mean of merged tasks: %{y:.1f}%<extra></extra>",
    )
    figure.update_xaxes(
        title="Tasks merged",
        tickvals=list(range(len(tasks) + 1)),
        range=[-0.2, len(tasks) + 0.2],
        zeroline=False,
        showgrid=False,
    )
    figure.update_yaxes(title="Test accuracy (%)", range=[0, 101], zeroline=False)
    below = {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"}
    figure.update_layout(
        height=460,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"tracegroupgap": 0, **(below if len(tasks) <= 10 else {})},
    )
    return figure
