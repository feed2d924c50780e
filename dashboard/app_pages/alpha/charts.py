"""What α does: quality, balance, the Pareto front, and every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.colours import MEAN, shade

ACC, BWT, STABILITY, PLASTICITY = (shade(place) for place in range(4))
HEIGHT = 400
COLUMNS = 4  # small multiples in a row
TITLE = "α, retention"


def quality(table: pd.DataFrame, chosen: float) -> go.Figure:
    """ACC in percent above BWT in points, against α; `table` has the columns alpha, acc and bwt, α ascending."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for row, column, name, colour, unit in ((1, "acc", "ACC", ACC, "%"), (2, "bwt", "BWT", BWT, " pt")):
        _line(figure, table, column, name, colour, chosen, unit, row=row, col=1)
    figure.update_yaxes(title="ACC (%)", row=1, col=1)
    figure.update_yaxes(title="BWT (points)", zeroline=True, row=2, col=1)
    figure.update_xaxes(title=TITLE, row=2, col=1)
    return _mark(figure, table, chosen).update_layout(height=HEIGHT, showlegend=False)


def balance(table: pd.DataFrame, chosen: float) -> go.Figure:
    """Stability and plasticity in percent against α; `table` has the columns alpha, stability and plasticity."""
    figure = go.Figure()
    for column, name, colour in (
        ("stability", "Stability (kept)", STABILITY),
        ("plasticity", "Plasticity (taken in)", PLASTICITY),
    ):
        _line(figure, table, column, name, colour, chosen, "%")
    figure.update_yaxes(title="Share (%)")
    figure.update_xaxes(title=TITLE)
    return _mark(figure, table, chosen).update_layout(height=HEIGHT)


def front(table: pd.DataFrame, chosen: float) -> go.Figure:
    """Retention (stability) against adaptation (plasticity) in percent, a point per α, dominated ones dimmed.

    `table` has the columns alpha, stability, plasticity and front (whether no other point dominates this one).
    """
    figure = go.Figure()
    known = table.dropna(subset=["stability", "plasticity"])
    best = known[known["front"]].sort_values("plasticity")
    figure.add_scatter(
        x=best["plasticity"], y=best["stability"], mode="lines", name="Pareto front", hoverinfo="skip",
        line={"color": ACC, "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    for points, name, opacity in ((best, "On the front", 1.0), (known[~known["front"]], "Dominated", 0.35)):
        figure.add_scatter(
            x=points["plasticity"], y=points["stability"], mode="markers+text", name=name, opacity=opacity,
            text=[f"{alpha:g}" for alpha in points["alpha"]], textposition="top right",
            marker={"color": ACC, "size": 11},
            hovertemplate="α = %{text}<br>plasticity %{x:.1f}%, stability %{y:.1f}%<extra></extra>",
        )  # fmt: skip
    ring = known[known["alpha"] == chosen]
    figure.add_scatter(
        x=ring["plasticity"], y=ring["stability"], mode="markers", name="Chosen", hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 19, "color": MEAN, "line": {"width": 2}},
    )  # fmt: skip
    figure.update_xaxes(title="Adaptation: plasticity (%)")
    figure.update_yaxes(title="Retention: stability (%)")
    return figure.update_layout(height=HEIGHT)


def each_task(
    table: pd.DataFrame, tasks: Sequence[str], names: Mapping[str, str], colours: Mapping[str, str], chosen: float
) -> go.Figure:
    """Test accuracy in percent against α, a panel per task: at the end (solid) and when just merged (dotted).

    `table` has the columns alpha, task, just_merged and now, α ascending within a task.
    """
    rows = -(-len(tasks) // COLUMNS)
    figure = make_subplots(
        rows=rows, cols=COLUMNS, shared_xaxes="all", shared_yaxes="all", horizontal_spacing=0.025,
        vertical_spacing=min(0.12, 0.3 / rows), subplot_titles=[names[task] for task in tasks],
    )  # fmt: skip
    for place, task in enumerate(tasks):
        own = table[table["task"] == task]
        where = {"row": place // COLUMNS + 1, "col": place % COLUMNS + 1}
        for column, name, dash in (("just_merged", "just merged", "dot"), ("now", "at the end", "solid")):
            figure.add_scatter(
                x=own["alpha"], y=own[column], mode="lines+markers", name=f"{names[task]}, {name}", showlegend=False,
                line={"color": colours[task], "dash": dash, "width": 2}, marker={"size": 5},
                hovertemplate="%{fullData.name}, α = %{x:g}: %{y:.1f}%<extra></extra>", **where,
            )  # fmt: skip
    figure.update_yaxes(range=[0, 101], nticks=4)
    for row in range(1, rows + 1):
        figure.update_yaxes(title="Accuracy (%)", row=row, col=1)
    for place in range(max(0, len(tasks) - COLUMNS), len(tasks)):
        where = {"row": place // COLUMNS + 1, "col": place % COLUMNS + 1}
        figure.update_xaxes(title="α", showticklabels=True, **where)
    figure.update_annotations(font={"size": 12})
    return _mark(figure, table, chosen).update_layout(height=70 + 170 * rows, margin={"t": 26})


def _line(figure: go.Figure, table: pd.DataFrame, column: str, name: str, colour: str, chosen: float, unit: str,
          **where: int) -> None:  # fmt: skip
    sizes = [12 if alpha == chosen else 7 for alpha in table["alpha"]]
    figure.add_scatter(
        x=table["alpha"], y=table[column], mode="lines+markers", name=name, line={"color": colour, "width": 2},
        marker={"size": sizes, "color": colour}, hovertemplate=f"α = %{{x:g}}: %{{y:.1f}}{unit}<extra>{name}</extra>",
        **where,
    )  # fmt: skip


def _mark(figure: go.Figure, table: pd.DataFrame, chosen: float) -> go.Figure:
    """Mark the chosen α on every axis of α, which ends a little beyond the values there are."""
    figure.update_xaxes(range=[table["alpha"].min() - 0.06, table["alpha"].max() + 0.06])
    return figure.add_vline(chosen, line={"color": MEAN, "width": 1.5, "dash": "dash"})
