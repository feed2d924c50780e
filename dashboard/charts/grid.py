"""Charts of a grid of methods over orders: matched differences, and quality against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any, NamedTuple

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN
from dashboard.charts.labels import MARKER, Named, places
from dashboard.text import chart_letters, number_text
from otmf_core.analysis.comparison import Row

ROW, AROUND = 26, 96  # pixels: of a row of the intervals, and of what stands above and below them
TEXT_WIDTH = 168  # pixels: of what stands at the end of a row
SYMBOLS = {  # by kind of method
    "none": "circle",
    "calibration": "diamond",
    "labels": "star",
    "growing": "triangle-up",
    "joint": "square-open",
}
WIDTHS, AXIS_HEIGHT = (350, 440, 620, 1000), 440  # pixels: of the cost chart's axes on screens of all sizes
ABOVE, LEGEND_LINE, BELOW = 32, 19, 58  # pixels: around its axes
ROOM = {"x": (0.2, 0.08), "y": (0.06, 0.06)}  # around the points, in shares of their span: names stand there
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)  # seconds


@dataclass(frozen=True)
class Held:
    """A row held against the reference: differences order by order, their mean and 95% interval, in points."""

    name: str
    colour: str
    differences: Sequence[float]
    mean: float
    low: float | None
    high: float | None
    win_tie_loss: str


@dataclass(frozen=True)
class Point:
    """A row by quality and cost: ACC and its deviation in percent, and what it cost, in the unit of the axis."""

    name: str
    colour: str
    kind: str
    acc: float
    std: float | None
    cost: float


def held_against(row: Row, colour: str) -> Held:
    """A row of `standings` that has differences, to be drawn in this colour."""
    return Held(
        row["name"], colour, row["differences"], row["difference"], row["low"], row["high"], row["win_tie_loss"]
    )


def intervals(rows: Sequence[Held], reference: str) -> go.Figure:
    """A line per row, top down: a faint dot per order, the mean and its 95% interval, and how often it won.

    Differences are of the row from `reference`, in points of ACC: right of 0 it is better.
    """
    chart = go.Figure()
    for row in rows:
        name = chart_letters(row.name)
        chart.add_scatter(
            x=list(row.differences),
            y=[name] * len(row.differences),
            mode="markers",
            marker={"color": row.colour, "size": 7, "opacity": 0.3},
            hovertemplate=f"{name}: %{{x:+.1f}} pt in one order<extra></extra>",
            showlegend=False,
        )
        if row.low is not None and row.high is not None:
            chart.add_scatter(
                x=[row.low, row.high],
                y=[name] * 2,
                mode="lines",
                line={"color": row.colour, "width": 3},
                opacity=0.6,
                hoverinfo="skip",
                showlegend=False,
            )
        chart.add_scatter(
            x=[row.mean],
            y=[name],
            mode="markers",
            marker={"color": row.colour, "size": 11, "line": {"color": "white", "width": 1}},
            hovertemplate=f"{name}: {_interval(row)} pt on average; win/tie/loss {row.win_tie_loss}<extra></extra>",
            showlegend=False,
        )
        chart.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=8,
            y=name,
            text=f"{_interval(row)} · {row.win_tie_loss}",
            showarrow=False,
            align="left",
        )
    chart.add_vline(x=0, line={"color": MEAN, "width": 1, "dash": "dot"})
    chart.update_xaxes(title=f"Difference in ACC from {chart_letters(reference)} (pt)", showgrid=True)
    chart.update_xaxes(nticks=3, tickangle=0)  # more of them would be turned upright where the page is narrow
    chart.update_yaxes(autorange="reversed", showgrid=False)
    return chart.update_layout(height=AROUND + ROW * len(rows), margin={"r": TEXT_WIDTH})


def cost_quality(points: Sequence[Point], unit: str, kinds: Mapping[str, str]) -> go.Figure:
    """ACC in percent against a cost: `unit` is s, on a logarithmic axis, or GiB. Above and to the left is better.

    A marker's shape is its kind's, of those named in `kinds`; a bar is one sample standard deviation.
    """
    chart = go.Figure()
    shown = [kind for kind in kinds if any(point.kind == kind for point in points)]
    for kind in shown:
        marker = {"color": MEAN, "symbol": SYMBOLS[kind], "size": 10}
        chart.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=kinds[kind])
    for point in points:
        name, symbol = chart_letters(point.name), SYMBOLS[point.kind]
        edge = {"width": 1, "color": point.colour if symbol.endswith("open") else "white"}  # tells heaped points apart
        chart.add_scatter(
            x=[point.cost],
            y=[point.acc],
            error_y={"array": [point.std or 0.0], "thickness": 1, "width": 0, "color": point.colour},
            mode="markers",
            marker={"color": point.colour, "symbol": symbol, "size": 2 * MARKER, "line": edge},
            hovertemplate=f"{name}: ACC %{{y:.1f}}%, %{{x:.2f}} {unit}<extra></extra>",
            showlegend=False,
        )
    costs = [point.cost for point in points]
    if unit == "s":
        ticks = [tick for tick in TICKS if costs and min(costs) / 2 <= tick <= max(costs) * 2]
        chart.update_xaxes(title="Time of a merge (s)", type="log", tickvals=ticks, ticktext=[f"{t:,}" for t in ticks])
    else:
        chart.update_xaxes(title=f"Peak memory ({unit})")
    chart.update_xaxes(showgrid=True)
    chart.update_yaxes(title="ACC (%)")
    if points:
        _add_names(chart, points, unit)
    above = ABOVE + LEGEND_LINE * len(shown)
    return chart.update_layout(height=above + AXIS_HEIGHT + BELOW, margin={"t": above, "b": BELOW})


def _interval(row: Held) -> str:
    mean = number_text(row.mean, 1, signed=True)
    if row.low is None or row.high is None:
        return mean
    return f"{mean} [{number_text(row.low, 1, signed=True)}, {number_text(row.high, 1, signed=True)}]"


def _add_names(chart: go.Figure, points: Sequence[Point], unit: str) -> None:
    """Name the points, those that the fewest others beat first; one without room has its name on hover alone."""
    across = [log10(point.cost) if unit == "s" else point.cost for point in points]
    ends = [end for point in points for end in (point.acc - (point.std or 0), point.acc + (point.std or 0))]
    x, y = _Range.around(across, *ROOM["x"]), _Range.around(ends, *ROOM["y"])
    chart.update_xaxes(range=[x.low, x.high])
    chart.update_yaxes(range=[y.low, y.high])
    order = sorted(range(len(points)), key=lambda index: sum(_beats(other, points[index]) for other in points))
    named = [
        Named(points[at].name, x.share(across[at]), y.share(points[at].acc), (points[at].std or 0) / (y.high - y.low))
        for at in order
    ]
    for at, place in zip(order, places(named, [(width, AXIS_HEIGHT) for width in WIDTHS]), strict=True):
        if place is None:
            continue
        line: dict[str, Any] = {"showarrow": False, "xshift": place.right, "yshift": place.up}
        if place.led:
            line = {
                "showarrow": True, "ax": place.right, "ay": -place.up, "standoff": MARKER, "arrowhead": 0,
                "arrowwidth": 1, "arrowcolor": points[at].colour,
            }  # fmt: skip
        chart.add_annotation(
            x=across[at],
            y=points[at].acc,
            text=chart_letters(points[at].name),
            font={"size": 11},
            xanchor=place.side,
            yanchor="middle",
            **line,
        )


def _beats(one: Point, other: Point) -> bool:
    """Whether a point is no worse and no dearer than another one, and either better or cheaper."""
    return one.acc >= other.acc and one.cost <= other.cost and (one.acc, one.cost) != (other.acc, other.cost)


class _Range(NamedTuple):
    """The ends of an axis."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Sequence[float], before: float, after: float) -> _Range:
        """With room before and after the values, in shares of their span."""
        low, high = min(values), max(values)
        span = (high - low) or 1.0
        return cls(low - before * span, high + after * span)

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)
