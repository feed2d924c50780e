"""The layer × kind map of one number per tensor: where a merge kept, shrank or amplified."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.colours import INK
from dashboard.charts.matrix import EMPTY_CELL, SCALES, names_above, names_beside
from dashboard.charts.stacks import BELOW, has_stacks, tell_stacks_apart
from dashboard.text import chart_letters, number_text
from otmf_core.models.tensor_names import TensorPlace, kinds, layers

# Below one the merge shrinks, at one it keeps, above it amplifies; told apart by every kind of colour vision.
SCALES_AROUND_ONE = {
    "light": ((0.0, "#0b4f8a"), (0.25, "#6fa8d6"), (0.5, "#f1f2f6"), (0.75, "#efa25f"), (1.0, "#a84300")),
    "dark": ((0.0, "#7cc4ff"), (0.25, "#2f6ea5"), (0.5, "#232737"), (0.75, "#b1621c"), (1.0, "#ffb56b")),
}
SCALE_ENDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # from zero or around one; few, so that steps compare
SMALL_SPAN = 0.15  # of a colour scale: below it cells have a third decimal, and what is told apart reads apart
ROW_HEIGHT = 30
COLOUR_BAR = {"thickness": 10, "outlinewidth": 0}


@dataclass(frozen=True)
class Measure:
    """A measure that a map can show: a share in percent or a plain number; `around_one` where one means untouched."""

    label: str
    definition: str
    share: bool = False
    around_one: bool = False


MEASURES = {
    "mean": Measure(
        "Mean mask",
        "mean of the mask's entries; 1 keeps the task vector, less shrinks, more amplifies",
        around_one=True,
    ),
    "sparsity": Measure("Sparsity", "share of entries with |mask| below the threshold", share=True),
    "overlap": Measure(
        "Pre/post overlap",
        "of the entries that either mask keeps (|mask| ≥ threshold), the share both keep",
        share=True,
    ),
    "drift": Measure("Drift from one", "mean of |mask − 1|; every mask starts at one"),
}


def mask_map(
    tensor_places: Mapping[str, TensorPlace],
    values: Sequence[float],
    measure: Measure,
    selected: str | None,
    theme: str = "light",
) -> go.Figure:
    """A cell per tensor, layers from input to output; `values` are in the order of `tensor_places`, NaN for undefined.

    Shares are in 0…1 and shown in percent. The tensor `selected`, if any, is outlined. The points of the last trace are
    the tensors, in the order of `tensor_places`, so that a click can tell which one it met.
    """
    names = list(tensor_places)
    rows, columns = layers(tensor_places.values()), kinds(tensor_places.values())
    x = [columns.index(tensor_place.kind) for tensor_place in tensor_places.values()]
    y = [rows.index(tensor_place.layer) for tensor_place in tensor_places.values()]
    numbers = [100 * value if measure.share else value for value in values]
    cells: list[list[float | None]] = [[None] * len(columns) for _ in rows]
    for column, row, number in zip(x, y, numbers, strict=True):
        cells[row][column] = None if math.isnan(number) else number
    low, high = _limits([number for number in numbers if not math.isnan(number)], measure)
    if measure.share:
        unit, digits = "%", 0 if high - low >= 20 else 1
    else:
        unit, digits = "", 3 if high - low < SMALL_SPAN else 2
    weak, strong = INK[theme]
    hovers = [
        (
            name,
            *map(chart_letters, (name, tensor_place.layer)),
            "none kept" if math.isnan(number) else number_text(number, digits + 1) + unit,
        )
        for (name, tensor_place), number in zip(tensor_places.items(), numbers, strict=True)
    ]
    title = measure.label + (" (%)" if unit else "")
    chart = go.Figure(
        [
            go.Heatmap(
                z=cells,
                colorscale=(SCALES_AROUND_ONE if measure.around_one else SCALES)[theme],
                zmin=low,
                zmax=high,
                xgap=2,
                ygap=2,
                hoverinfo="skip",
                hoverongaps=False,
                colorbar={"title": {"text": title, "side": "right"}, **COLOUR_BAR},
            ),
            go.Scatter(
                x=x,
                y=y,
                mode="markers+text",
                marker={"symbol": "square", "size": ROW_HEIGHT, "color": "rgba(0,0,0,0)"},
                selected={"marker": {"opacity": 0}},
                unselected={"marker": {"opacity": 0}},
                text=["–" if math.isnan(number) else number_text(number, digits) for number in numbers],
                textfont={
                    "size": 11,
                    "color": [strong if _strong(number, low, high, measure) else weak for number in numbers],
                },
                customdata=hovers,
                hovertemplate="%{customdata[1]}: %{customdata[3]}<extra>%{customdata[2]}</extra>",
                showlegend=False,
            ),
        ]
    )
    if selected is not None:
        column, row = x[names.index(selected)], y[names.index(selected)]
        chart.add_shape(
            type="rect",
            x0=column - 0.5,
            x1=column + 0.5,
            y0=row - 0.5,
            y1=row + 0.5,
            line={"color": weak, "width": 2},
        )
    chart.update_xaxes(**names_above([*map(chart_letters, columns)]))
    chart.update_yaxes(**names_beside([*map(chart_letters, rows)]))
    stacks = has_stacks(rows)
    if stacks:
        tell_stacks_apart(chart, rows, columns)
        chart.update_layout(margin={"b": BELOW})
    return chart.update_layout(
        height=110 + ROW_HEIGHT * max(len(rows), 4) + BELOW * stacks,
        plot_bgcolor=EMPTY_CELL[theme],
        dragmode=False,
        clickmode="event+select",
        hovermode="closest",
    )


def radius(distance: float) -> float:
    """The half width of a colour scale around one that holds a distance: the next of a few round numbers."""
    return next((end for end in SCALE_ENDS if end >= distance), SCALE_ENDS[-1])


def _limits(values: Sequence[float], measure: Measure) -> tuple[float, float]:
    """The ends of the colour scale: round, so that neighbouring steps mostly share them."""
    if not values:
        return 0.0, 1.0
    if measure.around_one:
        half_width = radius(max(abs(value - 1) for value in values))
        return 1 - half_width, 1 + half_width
    unit = 100 if measure.share else 1
    if min(values) > 50 and measure.share:  # what is nearly full is told apart at its lower end
        return min(10.0 * math.floor(min(values) / 10), 90.0), 10.0 * math.ceil(max(max(values), 91) / 10)
    return 0.0, unit * next((end for end in SCALE_ENDS if end * unit >= max(values)), SCALE_ENDS[-1])


def _strong(value: float, low: float, high: float, measure: Measure) -> bool:
    """Whether a cell is so far along its scale that it needs the other colour of text."""
    along = (value - low) / (high - low)
    return abs(along - 0.5) > 0.36 if measure.around_one else along > 0.82
