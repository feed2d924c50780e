"""Distances to a teacher's features along the merge."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.colours import MEAN, POST
from dashboard.text import chart_letters


def distance_frame(distances: Sequence[float], tasks: int) -> pd.DataFrame:
    """Distances to one teacher by step (0: pre-trained) from those of the 2T + 1 models: merged and incoming expert."""
    return pd.DataFrame(
        {
            "step": range(tasks + 1),
            "merged": list(distances[: tasks + 1]),
            "incoming_expert": [None, *distances[tasks + 1 :]],
        }
    )


def distance_curves(table: pd.DataFrame, names: Sequence[str], own: int, step: int, colour: str) -> go.Figure:
    """Distance to the teacher against the step; dotted lines mark the task's own step and the step shown.

    `names` are the tasks' in merge order, `own` the step at which the teacher's task was merged.
    """
    chart = go.Figure()
    labels = ["Pre-trained", *(f"{number} · {chart_letters(name)}" for number, name in enumerate(names, 1))]
    for column, title, line, marker in (
        ("incoming_expert", "Incoming expert", {"width": 0}, {"symbol": "diamond-open", "size": 8, "color": POST}),
        ("merged", "Merged", {"color": colour, "width": 3}, {"size": 8, "color": colour}),
    ):
        chart.add_scatter(
            x=table["step"],
            y=table[column],
            name=title,
            text=labels,
            line=line,
            marker=marker,
            mode="lines+markers" if column == "merged" else "markers",
            cliponaxis=False,
            hovertemplate="%{text}: %{y:.3f}<extra>" + title + "</extra>",
        )
    marks = {own: ("merged here", "dot", 1.5)} | ({step: ("shown", "dash", 1)} if step != own else {})
    for position, (text, dash, width) in marks.items():
        chart.add_vline(
            position,
            line={"color": MEAN, "dash": dash, "width": width},
            annotation={"text": text, "font": {"size": 11}},
            annotation_position="top left" if position > len(names) / 2 else "top right",
        )
    chart.update_xaxes(title="Tasks merged", tickvals=table["step"].tolist())
    chart.update_yaxes(title="Sinkhorn divergence (no unit)", rangemode="tozero")
    return chart.update_layout(height=300)
