"""The look of every chart, written into the chart itself, so that Plotly lays it out once.

Streamlit draws a chart, then hands Plotly an equal copy of it. A template, a one-dimensional array of numbers packed as
bytes, or a missing `datarevision` makes Plotly draw that copy anew, and `automargin` draws each of the two twice: four
drawings for one. So colours and fonts stand in the layout, numbers in lists, and margins are computed from the labels.
"""

from __future__ import annotations

import html
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.utils import PlotlyJSONEncoder

from dashboard.charts.colours import BACKGROUND, GREY, INK

FONT = "Source Sans, sans-serif"  # Streamlit's
GRID_LINES = {"light": "#e8e9ec", "dark": "#2a2d38"}
CHARACTER, WIDEST_LABEL = 5.9, 240  # pixels: the mean width of a character at 12 px, and of a label at most
MOST_DECIMALS = 6  # of a label: Plotly writes 5μ for smaller numbers
LINE, GAP, STANDOFF, EDGE = 16, 10, 8, 8  # pixels: of a line of labels, before it, before a title, around the chart
MODEBAR = {"displaylogo": False, "typesetMath": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"]}
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
LEGEND_WIDTH = 460  # pixels, on a narrow screen


def dressed(chart: go.Figure, theme: str) -> go.Figure:
    """A copy of `chart` with everything that it leaves open: fonts, colours of the light or dark `theme`, margins."""
    layout = chart.layout.to_plotly_json()
    layout.pop("template", None)
    traces = [_with_lists(trace.to_plotly_json()) for trace in chart.data]
    for trace in traces:
        if "colorbar" in trace:
            trace["colorbar"] = {"x": 1, "xpad": EDGE, **trace["colorbar"]}
    axes = {"xaxis": _axis(theme, showgrid=False), "yaxis": _axis(theme)}
    for name in sorted({*axes, *layout}):
        if name[1:5] == "axis":
            layout[name] = _completed(axes[name[:5]], layout.get(name, {}))
    layout = _completed(_layout(theme), layout)
    layout["margin"] = {**_margin(layout, traces), **layout.get("margin", {})}
    content = json.dumps(traces, cls=PlotlyJSONEncoder)
    copy = go.Figure(traces, {**layout, "datarevision": zlib.crc32(content.encode())})
    copy.layout.template = None
    return copy


def png_settings(name: str) -> dict[str, Any]:
    """The settings of a chart's bar: a PNG of twice the resolution, named `name`."""
    return MODEBAR | {"toImageButtonOptions": {"format": "png", "filename": name, "scale": 2}}


def _layout(theme: str) -> dict[str, Any]:
    font = {"family": FONT, "size": 12, "color": GREY[theme]}
    return {
        "font": font,
        "paper_bgcolor": BACKGROUND[theme],
        "plot_bgcolor": BACKGROUND[theme],
        "hoverlabel": {
            "namelength": -1,
            "bgcolor": BACKGROUND[theme],
            "bordercolor": GRID_LINES[theme],
            "font": {"color": INK[theme][0]},
        },
        "legend": {**LEGEND, "font": {"color": INK[theme][0]}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY[theme], "activecolor": INK[theme][0]},
    }


def _axis(theme: str, **more: Any) -> dict[str, Any]:
    return {
        "automargin": False,
        "ticklabelstandoff": 6,
        "gridcolor": GRID_LINES[theme],
        "zerolinecolor": GRID_LINES[theme],
        "zeroline": False,
        "title": {"standoff": STANDOFF, "font": {"size": 13}},
        **more,
    }


def _completed(default: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` completed by `default`, at every depth."""
    both = {key: _completed(default[key], own[key]) for key in default if isinstance(own.get(key), dict)}
    return {**default, **own, **both}


def _with_lists(part: dict[str, Any]) -> dict[str, Any]:
    """A trace whose one-dimensional arrays are lists; Plotly unpacks wider ones into lists of rows by itself."""
    return {
        key: _with_lists(value)
        if isinstance(value, dict)
        else value.tolist()
        if isinstance(value, np.ndarray) and value.ndim == 1
        else value
        for key, value in part.items()
    }


def _margin(layout: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Pixels around the axes that their labels and titles, the legend and a colour bar need."""
    margin = dict.fromkeys("lrtb", float(EDGE))
    for name, axis in layout.items():
        if name[1:5] != "axis" or axis.get("visible") is False:
            continue
        labels = _labels(name, axis, traces) if axis.get("showticklabels", True) else []
        wide = min(CHARACTER * max(map(len, labels), default=0), WIDEST_LABEL)
        title = STANDOFF + LINE if axis["title"].get("text") else 0
        if name[0] == "y":
            margin["l"] = max(margin["l"], EDGE + GAP * bool(labels) + wide + title)
            continue
        angle = math.radians(abs(axis.get("tickangle", 0)))
        side = "t" if axis.get("side") == "top" else "b"
        high = LINE * math.cos(angle) + wide * math.sin(angle) if labels else 0
        margin[side] = max(margin[side], EDGE + GAP * bool(labels) + high + title)
        if labels and not angle:  # half of the last label, which Plotly hides where it does not fit
            margin["r"] = max(margin["r"], 2 + CHARACTER * len(labels[-1]) / 2)
        if angle and side == "t":  # the last label leans out of the chart
            margin["r"] = max(margin["r"], EDGE + CHARACTER * len(labels[-1]) * math.cos(angle) - LINE)
    if any("colorbar" in trace and trace.get("showscale", True) for trace in traces):
        margin["r"] = max(margin["r"], 84.0)
    return _with_legend(margin, layout, traces)


def _labels(name: str, axis: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> list[str]:
    """The texts along an axis: its own, its categories, or numbers as long as Plotly will write them."""
    if "ticktext" in axis:
        return [*map(html.unescape, axis["ticktext"])]
    letter = name[0]
    reference = letter + name[5:]
    columns = [trace.get(letter, []) for trace in traces if trace.get(f"{letter}axis", letter) == reference]
    values = [value for column in columns for value in column if value is not None]
    if any(isinstance(value, str) for value in values):
        return [*map(html.unescape, dict.fromkeys(map(str, values)))]
    ends = [end for end in axis.get("range") or values if end == end]
    if not ends:
        return [""]
    low, high = min(ends), max(ends)
    if axis.get("rangemode") == "tozero":
        low, high = min(low, 0), max(high, 0)
    step = max((high - low) / 5, 10**-MOST_DECIMALS)
    decimals = max(0, math.ceil(-math.log10(step))) if high > low else 2
    return [f"{end:,.{decimals}f}" for end in (low, high)]


def _with_legend(
    margin: dict[str, float], layout: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Room for a legend above the axes or at their right; Plotly makes more where a narrow screen wraps it."""
    entries = [trace for trace in traces if trace["type"] != "heatmap" and trace.get("showlegend", True)]
    names = [html.unescape(trace.get("name", "")) for trace in entries]
    if not layout.get("showlegend", len(names) > 1 or any("showlegend" in trace for trace in entries)) or not names:
        return margin
    widest = 45 + CHARACTER * max(map(len, names))
    if layout["legend"]["orientation"] == "v":
        return {**margin, "r": max(margin["r"], EDGE + widest)}
    columns = max(1, int(LEGEND_WIDTH // widest))
    return {**margin, "t": margin["t"] + 24 + 19 * -(-len(names) // columns)}
