"""Where every task ended, and stability against plasticity."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.colours import MEAN

NAMED = 10  # points up to which their names stand in the figure


def outcome(table: pd.DataFrame, names: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Accuracy in percent, a line per task from just merged (open) to now (filled)."""
    figure = go.Figure()
    labels = [names[task] for task in table["task"]]
    shades = [colours[task] for task in table["task"]]
    ways = [
        {"type": "line", "layer": "below", "x0": row.just_merged, "x1": row.now, "y0": place, "y1": place,
         "line": {"color": shade, "width": 3}}
        for place, (row, shade) in enumerate(zip(table.itertuples(), shades, strict=True))
    ]  # fmt: skip
    hollow = {"color": "rgba(0,0,0,0)", "line": {"color": shades, "width": 2}}
    for column, name, marker in (
        ("pre_trained", "Pre-trained", {"symbol": "x-thin", "line": {"color": MEAN, "width": 2}}),
        ("individual", "Individual", {"symbol": "line-ns", "line": {"color": MEAN, "width": 3}}),
        ("just_merged", "Just merged", {"symbol": "circle", **hollow}),
        ("now", "Now", {"symbol": "circle", "color": shades}),
    ):
        figure.add_scatter(
            x=table[column], y=labels, mode="markers", name=name, marker={"size": 10, **marker},
            hovertemplate="%{y}, " + name.lower() + ": %{x:.1f}%<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="Test accuracy (%)", range=[0, 101])
    figure.update_yaxes(range=[len(labels) - 0.5, -0.5], showgrid=False)
    return figure.update_layout(height=120 + 26 * max(len(table), 4), shapes=ways)


def retention(table: pd.DataFrame, names: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Stability against plasticity in percent, a point per task; above and to the right is better."""
    known = table.dropna(subset=["plasticity", "stability"])
    labels = [names[task] for task in known["task"]]
    middle = known["plasticity"].mean()
    sides = ["top left" if value > middle else "top right" for value in known["plasticity"]]
    figure = go.Figure(
        go.Scatter(
            x=known["plasticity"], y=known["stability"], text=labels, cliponaxis=False,
            textposition=sides,
            mode="markers+text" if len(labels) <= NAMED else "markers",
            marker={"size": 12, "color": [colours[task] for task in known["task"]]},
            hovertemplate="%{text}<br>plasticity %{x:.1f}%, stability %{y:.1f}%<extra></extra>",
        )
    )  # fmt: skip
    guide = {"line": {"color": MEAN, "dash": "dot", "width": 1}}
    figure.add_hline(100, **guide)
    figure.add_vline(100, **guide)
    figure.update_xaxes(title="Plasticity: just merged / individual (%)")
    figure.update_yaxes(title="Stability: now / just merged (%)")
    return figure.update_layout(height=120 + 26 * max(len(table), 8))
