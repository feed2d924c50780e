"""Charts of the runs compared: accuracy along the merge, and quality beside cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.colours import SHADES, shade
from dashboard.text import chart_letters

HEIGHT = 380
MOST_ABOVE, MOST_BESIDE = 10, 29  # lines whose names stand above the chart, and beside it without scrolling
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")


@dataclass(frozen=True)
class Line:
    """A run, or several pooled: its name, and for each run the mean accuracy (percent) after steps 1…T."""

    name: str
    runs: Sequence[Sequence[float]]


def overlaid(lines: Sequence[Line]) -> go.Figure:
    """Mean accuracy of the tasks merged so far, in percent, against the number of tasks merged.

    A pool is drawn as its mean with a band of one sample standard deviation to either side.
    """
    chart = go.Figure()
    for index, line in enumerate(lines):
        name = chart_letters(line.name)
        steps = list(range(1, len(line.runs[0]) + 1))
        values = list(zip(*line.runs, strict=True))
        means = [fmean(each) for each in values]
        colour = shade(index)
        if len(line.runs) > 1:
            deviations = [stdev(each) for each in values]
            upper = [mean + each for mean, each in zip(means, deviations, strict=True)]
            lower = [mean - each for mean, each in zip(means, deviations, strict=True)]
            chart.add_scatter(
                x=steps + steps[::-1],
                y=upper + lower[::-1],
                fill="toself",
                fillcolor=_translucent(colour),
                mode="lines",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=name,
                name=f"{name}, ± std",
            )
        chart.add_scatter(
            x=steps,
            y=means,
            mode="lines+markers",
            name=name,
            legendgroup=name,
            line={"color": colour, "width": 2},
            marker={"size": 7, "symbol": _symbol(index)},
            hovertemplate="%{fullData.name}: %{y:.1f}% after %{x} tasks<extra></extra>",
        )
    longest = max((len(line.runs[0]) for line in lines), default=1)
    chart.update_xaxes(title="Tasks merged", dtick=1 if longest <= 20 else 5, range=[0.8, longest + 0.2])
    chart.update_yaxes(title="Mean test accuracy of merged tasks (%)")
    if len(lines) <= MOST_ABOVE:
        return chart.update_layout(height=HEIGHT)
    beside = {"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"}
    return chart.update_layout(height=max(HEIGHT, 90 + 28 * min(len(lines), MOST_BESIDE)), legend=beside)


def cost(table: pd.DataFrame) -> go.Figure:
    """ACC in percent against the time in seconds and the peak memory in GiB; above and to the left is better.

    `table` has the columns name, acc, seconds and memory_gib; a point is left out where one of its two is missing.
    """
    chart = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    for index, row in enumerate(table.to_dict("records")):
        for column, (metric, unit) in enumerate((("seconds", " s"), ("memory_gib", " GiB")), 1):
            if pd.isna(row[metric]) or pd.isna(row["acc"]):
                continue
            chart.add_scatter(
                x=[row[metric]],
                y=[row["acc"]],
                mode="markers",
                name=chart_letters(row["name"]),
                legendgroup=row["name"],
                showlegend=column == 1,
                marker={"color": shade(index), "symbol": _symbol(index), "size": 11},
                hovertemplate=f"%{{fullData.name}}: ACC %{{y:.1f}}%, %{{x:.2f}}{unit}<extra></extra>",
                row=1,
                col=column,
            )
    chart.update_xaxes(title="Time (s)", rangemode="tozero", row=1, col=1)
    chart.update_xaxes(title="Peak memory (GiB)", rangemode="tozero", row=1, col=2)
    chart.update_yaxes(title="ACC (%)", row=1, col=1)
    return chart.update_layout(height=HEIGHT)


def _translucent(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def _symbol(index: int) -> str:
    """The marker of the run at this index; where colours repeat, another one."""
    return SYMBOLS[(index + index // len(SHADES)) % len(SYMBOLS)]
