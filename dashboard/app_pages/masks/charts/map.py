"""The layer × kind map of one figure per tensor: where a merge kept, shrank or amplified."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.colours import INK
from dashboard.charts.matrix import EMPTY, SCALES, names_above, names_beside
from otmf_core.models.tensor_names import Place, kinds, layers

# Below one the merge shrinks, at one it keeps, above it amplifies; told apart by every kind of colour vision.
AROUND_ONE = {
    "light": ((0.0, "#0b4f8a"), (0.25, "#6fa8d6"), (0.5, "#f1f2f6"), (0.75, "#efa25f"), (1.0, "#a84300")),
    "dark": ((0.0, "#7cc4ff"), (0.25, "#2f6ea5"), (0.5, "#232737"), (0.75, "#b1621c"), (1.0, "#ffb56b")),
}
RADII = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # of a colour scale around one; few, so that steps compare
TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
ROW_HEIGHT = 30


@dataclass(frozen=True)
class Measure:
    """What a map can show: a share in percent or a plain number; `around_one` where one means untouched."""

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
    places: Mapping[str, Place], values: Sequence[float], measure: Measure, chosen: str, ground: str = "light"
) -> go.Figure:
    """A cell per tensor, layers from input to output; `values` are in the order of `places`, NaN where undefined.

    Shares are in 0…1 and shown in percent. `chosen` is outlined. The points of the last trace are the tensors, in the
    order of `places`, so that a click can tell which one it met.
    """
    rows, columns = layers(places.values()), kinds(places.values())
    x = [columns.index(place.kind) for place in places.values()]
    y = [rows.index(place.layer) for place in places.values()]
    shown = [100 * value if measure.share else value for value in values]
    cells: list[list[float | None]] = [[None] * len(columns) for _ in rows]
    for column, row, value in zip(x, y, shown, strict=True):
        cells[row][column] = None if math.isnan(value) else value
    low, high = _limits([value for value in shown if not math.isnan(value)], measure)
    scale = (AROUND_ONE if measure.around_one else SCALES)[ground]
    unit, form = ("%", ".0f" if high - low >= 20 else ".1f") if measure.share else ("", ".2f")
    dark, light = INK[ground]
    texts = ["–" if math.isnan(value) else f"{value:{form}}".replace("-", "−") for value in shown]
    inks = [light if _strong(value, low, high, measure) else dark for value in shown]
    facts = [
        (name, place.layer, "none kept" if math.isnan(value) else f"{value:.3g}{unit}".replace("-", "−"))
        for (name, place), value in zip(places.items(), shown, strict=True)
    ]
    figure = go.Figure(
        [
            go.Heatmap(
                z=cells, colorscale=scale, zmin=low, zmax=high, xgap=2, ygap=2, hoverinfo="skip", hoverongaps=False,
                colorbar={"title": {"text": measure.label + (" (%)" if unit else ""), "side": "right"},
                          "thickness": 10, "outlinewidth": 0},
            ),
            go.Scatter(
                x=x, y=y, mode="markers+text",
                marker={"symbol": "square", "size": ROW_HEIGHT, "color": "rgba(0,0,0,0)"},
                selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
                text=texts, textfont={"size": 11, "color": inks}, customdata=facts,
                hovertemplate="%{customdata[0]}: %{customdata[2]}<extra>%{customdata[1]}</extra>", showlegend=False,
            ),
        ]
    )  # fmt: skip
    names = list(places)
    here = names.index(chosen)
    figure.add_shape(
        type="rect", x0=x[here] - 0.5, x1=x[here] + 0.5, y0=y[here] - 0.5, y1=y[here] + 0.5,
        line={"color": dark, "width": 2},
    )  # fmt: skip
    figure.update_xaxes(**names_above(columns))
    figure.update_yaxes(**names_beside(rows))
    figure.update_layout(
        height=110 + ROW_HEIGHT * max(len(rows), 4),
        plot_bgcolor=EMPTY[ground], dragmode=False, clickmode="event+select", hovermode="closest",
    )  # fmt: skip
    return figure


def radius(distance: float) -> float:
    """The half width of a colour scale around one that holds a distance: the next of a few round numbers."""
    return next((step for step in RADII if step >= distance), RADII[-1])


def _limits(values: Sequence[float], measure: Measure) -> tuple[float, float]:
    """The ends of the colour scale: round, so that neighbouring steps mostly share them."""
    if not values:
        return 0.0, 1.0
    if measure.around_one:
        reach = radius(max(abs(value - 1) for value in values))
        return 1 - reach, 1 + reach
    unit = 100 if measure.share else 1
    if min(values) > 50 and measure.share:  # what is nearly full is told apart at its lower end
        return min(10.0 * math.floor(min(values) / 10), 90.0), 10.0 * math.ceil(max(max(values), 91) / 10)
    return 0.0, unit * next((top for top in TOPS if top * unit >= max(values)), TOPS[-1])


def _strong(value: float, low: float, high: float, measure: Measure) -> bool:
    """Whether a cell is so far along its scale that it needs the other colour of text."""
    along = (value - low) / (high - low)
    return abs(along - 0.5) > 0.36 if measure.around_one else along > 0.82
