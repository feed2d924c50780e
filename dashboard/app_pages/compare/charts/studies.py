"""The chart that all studies share: series of points, joined or not, over linear or logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN
from dashboard.text import chart_letters

HEIGHT = 440


@dataclass(frozen=True)
class Series:
    """Points of one name and colour; `errors` are half bars along y, `texts` stand beside the points."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]
    errors: Sequence[float] = ()
    texts: Sequence[str] = ()
    mode: str = "lines+markers"
    dash: str = "solid"
    symbol: str = "circle"


@dataclass(frozen=True)
class Axis:
    """A title, and whether the axis is logarithmic, or the texts that stand along it, by value.

    At `line` a line crosses the chart, named `line_name`.
    """

    title: str
    log: bool = False
    texts: Mapping[float, str] | None = None
    line: float | None = None
    line_name: str = ""


def series_chart(series: Sequence[Series], x: Axis, y: Axis) -> go.Figure:
    """The series over both axes, each as it says; points that a logarithmic axis has no place for are left out."""
    chart = go.Figure()
    for each in series:
        name = chart_letters(each.name)
        chart.add_scatter(
            x=list(each.x),
            y=list(each.y),
            error_y={"array": list(each.errors), "thickness": 1, "width": 0} if each.errors else None,
            mode=f"{each.mode}+text" if each.texts else each.mode,
            text=[*map(chart_letters, each.texts)] or None,
            textposition="middle right",
            cliponaxis=False,
            showlegend=not each.texts,
            textfont={"size": 11},
            name=name,
            line={"color": each.colour, "width": 2, "dash": each.dash},
            marker={"color": each.colour, "size": 9, "symbol": each.symbol},
            hovertemplate=f"{name}: %{{y:.4g}} at %{{x}}<extra></extra>",
        )
    chart.update_xaxes(title=x.title, showgrid=True, **_scale(x, [value for each in series for value in each.x]))
    chart.update_yaxes(title=y.title, **_scale(y, [value for each in series for value in each.y]))
    mark: dict[str, Any] = {"line": {"color": MEAN, "width": 1.5, "dash": "dot"}}
    if y.line is not None:
        chart.add_hline(y.line, **mark, annotation={"text": chart_letters(y.line_name), "font": {"size": 11}})
    if x.line is not None:
        chart.add_vline(x.line, **mark, annotation={"text": chart_letters(x.line_name), "font": {"size": 11}})
    return chart.update_layout(height=HEIGHT)


def _scale(axis: Axis, values: Sequence[float]) -> dict[str, Any]:
    """Of a logarithmic axis the powers of ten, of which small and large ones alike are written out."""
    if axis.texts:
        return {"tickvals": list(axis.texts), "ticktext": [*map(chart_letters, axis.texts.values())]}
    if not axis.log:
        return {}
    numbers = [value for value in (*values, axis.line) if value is not None and value > 0]
    if not numbers:
        return {"type": "log"}
    low, high = floor(log10(min(numbers))), ceil(log10(max(numbers)))
    ticks = [10.0**power for power in range(low, high + 1)]
    texts = [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks]
    return {"type": "log", "tickvals": ticks, "ticktext": texts}
