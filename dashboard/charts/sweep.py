"""Charts of a sweep against its setting, α say: quality, balance, the Pareto front, and every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.axes import accuracy_range
from dashboard.charts.colours import MEAN, shade
from dashboard.text import chart_letters
from otmf_core.settings import Setting

ACC, BWT, STABILITY, PLASTICITY = (shade(index) for index in range(4))
HEIGHT = 400
TASKS_IN_A_ROW = 4


def quality(
    table: pd.DataFrame,
    setting: Setting,
    selected: float,
    rules: Mapping[str, tuple[float | None, float | None]] | None = None,
) -> go.Figure:
    """ACC in percent above BWT in points, against the setting; `table` has its column, ascending, acc and bwt.

    A dotted line stands at what each of the `rules` that find the value by themselves reached, under its name.
    """
    chart = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for row, column, name, colour, unit in ((1, "acc", "ACC", ACC, "%"), (2, "bwt", "BWT", BWT, " pt")):
        _add_line(chart, table, setting, column, name, colour, selected, unit, row=row, col=1)
    for name, reached in (rules or {}).items():
        for row, value, colour in zip((1, 2), reached, (ACC, BWT), strict=True):
            if value is not None:
                place: Any = {"row": row, "col": 1}  # numbers, which Plotly's own hint does not know
                line = {"color": colour, "width": 1.5, "dash": "dot"}
                chart.add_hline(value, line=line, annotation={"text": name, "font": {"size": 11}}, **place)
    chart.update_yaxes(title="ACC (%)", row=1, col=1)
    chart.update_yaxes(title="BWT (points)", zeroline=True, row=2, col=1)
    chart.update_xaxes(title=setting.label, row=2, col=1)
    return _mark(chart, table, setting, selected).update_layout(height=HEIGHT, showlegend=False)


def balance(table: pd.DataFrame, setting: Setting, selected: float) -> go.Figure:
    """Stability and plasticity in percent against the setting; `table` has its column, stability and plasticity."""
    chart = go.Figure()
    for column, name, colour in (
        ("stability", "Stability (kept)", STABILITY),
        ("plasticity", "Plasticity (taken in)", PLASTICITY),
    ):
        _add_line(chart, table, setting, column, name, colour, selected, "%")
    chart.update_yaxes(title="Share (%)")
    chart.update_xaxes(title=setting.label)
    return _mark(chart, table, setting, selected).update_layout(height=HEIGHT)


def front(table: pd.DataFrame, setting: Setting, selected: float) -> go.Figure:
    """Retention (stability) against adaptation (plasticity) in percent, a point per value, dominated ones dimmed.

    `table` has the setting's column, stability, plasticity and front (whether no other point dominates this one).
    """
    chart = go.Figure()
    complete = table.dropna(subset=["stability", "plasticity"])
    best = complete.loc[complete["front"]].sort_values("plasticity")
    chart.add_scatter(
        x=best["plasticity"],
        y=best["stability"],
        mode="lines",
        name="Pareto front",
        hoverinfo="skip",
        line={"color": ACC, "width": 1.5, "dash": "dot"},
    )
    for points, name, opacity in ((best, "On the front", 1.0), (complete.loc[~complete["front"]], "Dominated", 0.35)):
        chart.add_scatter(
            x=points["plasticity"],
            y=points["stability"],
            mode="markers+text",
            name=name,
            opacity=opacity,
            text=[setting.text(value) for value in points[setting.name]],
            textposition="top right",
            marker={"color": ACC, "size": 11},
            hovertemplate=f"{setting.symbol} = "
            + "%{text}<br>plasticity %{x:.1f}%, stability %{y:.1f}%<extra></extra>",
        )
    ring = complete[complete[setting.name] == selected]
    chart.add_scatter(
        x=ring["plasticity"],
        y=ring["stability"],
        mode="markers",
        name="Chosen",
        hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 19, "color": MEAN, "line": {"width": 2}},
    )
    chart.update_xaxes(title="Adaptation: plasticity (%)")
    chart.update_yaxes(title="Retention: stability (%)")
    return chart.update_layout(height=HEIGHT)


def each_task(
    table: pd.DataFrame,
    tasks: Sequence[str],
    names: Mapping[str, str],
    colours: Mapping[str, str],
    setting: Setting,
    selected: float,
) -> go.Figure:
    """Test accuracy in percent against the setting, a panel per task: at the end (solid) and when just merged (dotted).

    `table` has the setting's column, ascending within a task, and task, just_merged and now.
    """
    names = {task: chart_letters(names[task]) for task in tasks}
    rows = -(-len(tasks) // TASKS_IN_A_ROW)
    cells: list[dict[str, Any]] = [
        {"row": index // TASKS_IN_A_ROW + 1, "col": index % TASKS_IN_A_ROW + 1} for index in range(len(tasks))
    ]
    every: Any = "all"  # axes of all panels; Plotly's own hint knows True and False only
    chart = make_subplots(
        rows=rows,
        cols=TASKS_IN_A_ROW,
        shared_xaxes=every,
        shared_yaxes=every,
        horizontal_spacing=0.025,
        vertical_spacing=min(0.12, 0.3 / rows),
        subplot_titles=[names[task] for task in tasks],
    )
    for task, cell in zip(tasks, cells, strict=True):
        own = table[table["task"] == task]
        for column, name, dash in (("just_merged", "just merged", "dot"), ("now", "at the end", "solid")):
            chart.add_scatter(
                x=own[setting.name],
                y=own[column],
                mode="lines+markers",
                name=f"{names[task]}, {name}",
                showlegend=False,
                line={"color": colours[task], "dash": dash, "width": 2},
                marker={"size": 5},
                hovertemplate="%{fullData.name}, " + setting.symbol + " = %{x:g}: %{y:.1f}%<extra></extra>",
                **cell,
            )
    chart.update_yaxes(range=accuracy_range(table[["just_merged", "now"]].to_numpy(float).flat), nticks=4)
    for row in range(1, rows + 1):
        chart.update_yaxes(title="Accuracy (%)", row=row, col=1)
    for cell in cells[-TASKS_IN_A_ROW:]:
        chart.update_xaxes(title=setting.symbol, showticklabels=True, **cell)
    chart.update_annotations(font={"size": 12})
    return _mark(chart, table, setting, selected).update_layout(height=70 + 170 * rows, margin={"t": 26})


def _add_line(
    chart: go.Figure,
    table: pd.DataFrame,
    setting: Setting,
    column: str,
    name: str,
    colour: str,
    selected: float,
    unit: str,
    **subplot: Any,
) -> None:
    """Draw a column against the setting, the point selected larger; `subplot` has the row and col, where there are."""
    chart.add_scatter(
        x=table[setting.name],
        y=table[column],
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 2},
        marker={"size": [12 if value == selected else 7 for value in table[setting.name]], "color": colour},
        hovertemplate=f"{setting.symbol} = %{{x:g}}: %{{y:.1f}}{unit}<extra>{name}</extra>",
        **subplot,
    )


def _mark(chart: go.Figure, table: pd.DataFrame, setting: Setting, selected: float) -> go.Figure:
    """Mark the value selected on every axis of the setting, which ends a little beyond the values there are."""
    chart.update_xaxes(range=[table[setting.name].min() - 0.06, table[setting.name].max() + 0.06])
    return chart.add_vline(selected, line={"color": MEAN, "width": 1.5, "dash": "dash"})
