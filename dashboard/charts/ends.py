"""Charts of how every task came out: its accuracies, and its stability against its plasticity."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.axes import accuracy_range
from dashboard.charts.colours import MEAN
from dashboard.text import chart_letters

MOST_NAMES = 10  # points up to which their names stand in the chart


def outcome(table: pd.DataFrame, names: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Accuracy in percent, a line per task from just merged (open) to now (filled); `table` is that of `outcomes`."""
    chart = go.Figure()
    labels = [chart_letters(names[task]) for task in table["task"]]
    shades = [colours[task] for task in table["task"]]
    lines = [
        {
            "type": "line",
            "layer": "below",
            "x0": start,
            "x1": end,
            "y0": index,
            "y1": index,
            "line": {"color": shade, "width": 3},
        }
        for index, (start, end, shade) in enumerate(zip(table["just_merged"], table["now"], shades, strict=True))
    ]
    hollow = {"color": "rgba(0,0,0,0)", "line": {"color": shades, "width": 2}}
    for column, name, marker in (
        ("pre_trained", "Pre-trained", {"symbol": "x-thin", "line": {"color": MEAN, "width": 2}}),
        ("individual", "Individual", {"symbol": "line-ns", "line": {"color": MEAN, "width": 3}}),
        ("just_merged", "Just merged", {"symbol": "circle", **hollow}),
        ("now", "Now", {"symbol": "circle", "color": shades}),
    ):
        chart.add_scatter(
            x=table[column],
            y=labels,
            mode="markers",
            name=name,
            marker={"size": 10, **marker},
            hovertemplate="%{y}, " + name.lower() + ": %{x:.1f}%<extra></extra>",
        )
    chart.update_xaxes(
        title="Test accuracy (%)",
        range=accuracy_range(table[["pre_trained", "individual", "just_merged", "now"]].to_numpy(float).flat),
    )
    chart.update_yaxes(type="category", range=[len(labels) - 0.5, -0.5], showgrid=False)
    return chart.update_layout(height=120 + 26 * max(len(table), 4), shapes=lines)


def retention(table: pd.DataFrame, names: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Stability against plasticity in percent, a point per task; above and to the right is better."""
    tasks = table.dropna(subset=["plasticity", "stability"])
    labels = [chart_letters(names[task]) for task in tasks["task"]]
    middle = tasks["plasticity"].mean()
    chart = go.Figure(
        go.Scatter(
            x=tasks["plasticity"],
            y=tasks["stability"],
            text=labels,
            cliponaxis=False,
            textposition=["top left" if value > middle else "top right" for value in tasks["plasticity"]],
            mode="markers+text" if len(labels) <= MOST_NAMES else "markers",
            marker={"size": 12, "color": [colours[task] for task in tasks["task"]]},
            hovertemplate="%{text}<br>plasticity %{x:.1f}%, stability %{y:.1f}%<extra></extra>",
        )
    )
    guide = {"color": MEAN, "dash": "dot", "width": 1}
    chart.add_hline(100, line=guide)
    chart.add_vline(100, line=guide)
    chart.update_xaxes(title="Plasticity: just merged / individual (%)")
    chart.update_yaxes(title="Stability: now / just merged (%)")
    return chart.update_layout(height=120 + 26 * max(len(table), 8))
