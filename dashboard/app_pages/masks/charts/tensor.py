"""One tensor's masks: both histograms, and the matrix itself in blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.colours import MEAN, POST, PRE
from dashboard.charts.mask_map import COLOUR_BAR, SCALES_AROUND_ONE, radius
from otmf_core.masks.measures import RANGE

SIDE_NAMES = {"pre": "Pre: merged so far", "post": "Post: incoming task"}
HEIGHT = 430


def mask_histogram(pre: Sequence[int], post: Sequence[int]) -> go.Figure:
    """Share of entries in percent against the mask value, both sides as steps; equal bins over −2…4, empty ends cut."""
    edges = np.linspace(*RANGE, len(pre) + 1)
    occupied = np.flatnonzero(np.asarray(pre) + np.asarray(post))
    margin = 2 * (edges[1] - edges[0])
    limits = (min(edges[occupied[0]], 1) - margin, max(edges[occupied[-1] + 1], 1) + margin)
    chart = go.Figure()
    for name, counts, colour in ((SIDE_NAMES["pre"], pre, PRE), (SIDE_NAMES["post"], post, POST)):
        chart.add_scatter(
            x=edges[:-1],
            y=100 * np.asarray(counts) / np.sum(counts),
            mode="lines",
            name=name,
            fill="tozeroy",
            opacity=0.9,
            line={"color": colour, "width": 1.8, "shape": "hv"},
            customdata=edges[1:],
            hovertemplate="%{x:.2f} to %{customdata:.2f}: %{y:.2f}%<extra>%{fullData.name}</extra>",
        )
    chart.add_vline(
        1, line={"color": MEAN, "width": 1.5, "dash": "dot"}, annotation={"text": "kept", "font": {"size": 11}}
    )
    chart.update_xaxes(title="Mask value", range=limits)
    chart.update_yaxes(title="Entries (%)", rangemode="tozero")
    return chart.update_layout(height=HEIGHT)


AXES = {"tokens": ("Row (token)", "Column (dimension)"), "distance": ("Row (distance)", "Column (head)")}


def mask_matrix(
    means: NDArray[np.floating], corner: tuple[int, int], size: int, theme: str = "light", kind: str = ""
) -> go.Figure:
    """Mask values, a cell per block of size × size entries; `corner` is the row and column of the first entry.

    The axes count rows and columns of the whole matrix, of a tensor
    of that kind. Boxes can be drawn: the invisible points are there to be met.
    """
    height, width = means.shape
    top, left = corner
    half_width = radius(float(np.nanquantile(np.abs(means - 1), 0.99)))
    cell = "row %{y}, column %{x}" if size == 1 else "around row %{y:.0f}, column %{x:.0f}"
    chart = go.Figure(
        [
            go.Heatmap(
                z=means,
                x0=left + (size - 1) / 2,
                dx=size,
                y0=top + (size - 1) / 2,
                dy=size,
                colorscale=SCALES_AROUND_ONE[theme],
                zmin=1 - half_width,
                zmax=1 + half_width,
                colorbar={"title": {"text": "Mask", "side": "right"}, **COLOUR_BAR},
                hovertemplate=cell + ": %{z:.3f}<extra></extra>",
            ),
            go.Scatter(
                x=[left, left + (width - 1) * size],
                y=[top, top + (height - 1) * size],
                mode="markers",
                marker={"size": 1, "color": "rgba(0,0,0,0)"},
                hoverinfo="skip",
                showlegend=False,
            ),
        ]
    )
    down, across = AXES.get(kind, ("Row (output)", "Column (input)"))
    plain = {"showgrid": False, "fixedrange": True, "ticks": ""}
    chart.update_xaxes(title=across, range=[left - 0.5, left + width * size - 0.5], **plain)
    chart.update_yaxes(title=down, range=[top + height * size - 0.5, top - 0.5], **plain)
    if height == 1:
        chart.update_yaxes(visible=False)
        chart.update_xaxes(title="Entry")
    elif width == 1:
        chart.update_xaxes(visible=False)
    return chart.update_layout(
        height=HEIGHT if height > 1 else 150,
        dragmode="select",
        clickmode="event",
        hovermode="closest",
    )
