"""Charts of a grid of methods over orders: matched differences, and quality against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN
from dashboard.text import chart_letters, number_text

ROW, AROUND = 26, 96  # pixels: of a row of the intervals, and of what stands above and below them
TEXT_WIDTH = 168  # pixels: of what stands at the end of a row
COST_HEIGHT = 480
SYMBOLS = {  # by kind of method
    "none": "circle",
    "calibration": "diamond",
    "labels": "star",
    "growing": "triangle-up",
    "joint": "square-open",
}
LETTER, LINE, MARKER = 0.0125, 0.045, 0.014  # shares of the cost chart: of a letter, a line of text, half a marker
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)  # seconds

Box = tuple[float, float, float, float]  # left, bottom, right, top


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
    chart.update_yaxes(autorange="reversed", showgrid=False)
    return chart.update_layout(height=AROUND + ROW * len(rows), margin={"r": TEXT_WIDTH})


def cost_quality(points: Sequence[Point], unit: str, kinds: Mapping[str, str]) -> go.Figure:
    """ACC in percent against a cost: `unit` is s, on a logarithmic axis, or GiB. Above and to the left is better.

    A marker's shape is its kind's, of those named in `kinds`; a bar is one sample standard deviation.
    """
    chart = go.Figure()
    for kind, text in kinds.items():
        if any(point.kind == kind for point in points):
            marker = {"color": MEAN, "symbol": SYMBOLS[kind], "size": 10}
            chart.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=text)
    places = _text_places(points, unit)
    for point, place in zip(points, places, strict=True):
        name = chart_letters(point.name)
        chart.add_scatter(
            x=[point.cost],
            y=[point.acc],
            error_y={"array": [point.std or 0.0], "thickness": 1, "width": 0, "color": point.colour},
            mode="markers+text",
            text=[name],
            textposition=place,
            textfont={"size": 11},
            cliponaxis=False,
            marker={"color": point.colour, "symbol": SYMBOLS[point.kind], "size": 11},
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
    return chart.update_layout(height=COST_HEIGHT)


def _interval(row: Held) -> str:
    mean = number_text(row.mean, 1, signed=True)
    if row.low is None or row.high is None:
        return mean
    return f"{mean} [{number_text(row.low, 1, signed=True)}, {number_text(row.high, 1, signed=True)}]"


def _text_places(points: Sequence[Point], unit: str) -> list[str]:
    """Where each name stands: at the first side of its point where it meets no other name and no other point.

    Boxes are in shares of the chart, as wide as it is drawn on half a screen.
    """
    costs = [log10(point.cost) if unit == "s" else point.cost for point in points]
    at = list(zip(_shares(costs), _shares([point.acc for point in points]), strict=True))
    taken = [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in at]
    places = []
    for own, (point, (x, y)) in enumerate(zip(points, at, strict=True)):
        wide = LETTER * len(point.name)
        boxes = {
            "middle right": (x + MARKER, y - LINE / 2, x + MARKER + wide, y + LINE / 2),
            "middle left": (x - MARKER - wide, y - LINE / 2, x - MARKER, y + LINE / 2),
            "top center": (x - wide / 2, y + LINE / 2, x + wide / 2, y + 1.5 * LINE),
            "bottom center": (x - wide / 2, y - 1.5 * LINE, x + wide / 2, y - LINE / 2),
        }
        others = taken[:own] + taken[own + 1 :]
        met = {place: sum(_meet(box, other) for other in others) + _outside(box) for place, box in boxes.items()}
        place = min(met, key=met.__getitem__)
        places.append(place)
        taken.append(boxes[place])
    return places


def _shares(values: Sequence[float]) -> list[float]:
    low, high = min(values, default=0.0), max(values, default=0.0)
    return [(value - low) / (high - low) if high > low else 0.5 for value in values]


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _outside(box: Box) -> int:
    return 10 * (box[0] < -0.06 or box[2] > 1.06)
