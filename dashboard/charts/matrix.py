"""The accuracy matrix a[t][i] as an annotated heatmap, and what other heatmaps of tasks share with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.colours import INK
from dashboard.text import chart_letters

# From the page's background to its accent, so that an empty cell and a low one are near and a high one stands out.
SCALES = {
    "light": ((0.0, "#eeeff8"), (0.45, "#cccef3"), (0.75, "#7f83da"), (1.0, "#2b3096")),
    "dark": ((0.0, "#1f2334"), (0.45, "#333871"), (0.75, "#5a5fc4"), (1.0, "#b9bcff")),
}
STRONG_ABOVE = {"light": 79, "dark": 77}  # percent above which a cell takes the other text colour
EMPTY_CELL = {"light": "#f7f8fb", "dark": "#191c27"}


def accuracy_matrix(
    matrix: Sequence[Sequence[float | None] | None], names: Sequence[str], theme: str = "light", narrow: bool = False
) -> go.Figure:
    """Accuracy in percent, a row per step (row 0: the pre-trained model) and a column per task in merge order.

    `matrix` is (T+1) × T; a row is None while its step has not ended, a value None where it was not evaluated.
    Outlined cells are the ones in which a task has just been merged. `theme` is light or dark. Where it is `narrow`,
    rows have the step's number only, which leaves the room to the cells.
    """
    names = [*map(chart_letters, names)]
    tasks = len(names)
    values = [list(row) if row is not None else [None] * tasks for row in matrix]
    rows = ["Pre-trained", *(f"{step} · {name}" for step, name in enumerate(names, 1))]
    digits = 1 if tasks <= 10 else 0
    cells = [
        (column, step, f"{value:.{digits}f}", value > STRONG_ABOVE[theme])
        for step, row in enumerate(values)
        for column, value in enumerate(row)
        if value is not None
    ]
    chart = go.Figure(
        [
            go.Heatmap(
                z=values,
                colorscale=SCALES[theme],
                showscale=False,
                xgap=2,
                ygap=2,
                customdata=[[(name, row) for name in names] for row in rows],
                hovertemplate="%{customdata[0]} after %{customdata[1]}: %{z:.1f}%<extra></extra>",
                hoverongaps=False,
                zmin=0,
                zmax=100,
            ),
            cell_numbers(cells, theme, 11 if tasks <= 6 else 10),
        ]
    )
    outline = {"type": "rect", "line": {"color": INK[theme][0], "width": 1.5}}
    merged = [step for step in range(1, tasks + 1) if matrix[step] is not None]
    chart.update_xaxes(**names_above(names))
    chart.update_yaxes(**names_beside([str(step) for step in range(tasks + 1)] if narrow else rows))
    if narrow:
        chart.update_yaxes(title="Tasks merged")
    return chart.update_layout(
        shapes=[{**outline, "x0": step - 1.5, "x1": step - 0.5, "y0": step - 0.5, "y1": step + 0.5} for step in merged],
        height=110 + len(rows) * max(30, min(44, 390 // len(rows))),  # as tall as the curves beside it, while rows fit
        plot_bgcolor=EMPTY_CELL[theme],
    )


def names_above(names: Sequence[str]) -> dict[str, Any]:
    """The x axis of a heatmap with a column per name, steep where there are many."""
    return {**_names(names), "range": [-0.5, len(names) - 0.5], "side": "top", "tickangle": -40 * (len(names) > 4)}


def names_beside(names: Sequence[str]) -> dict[str, Any]:
    """The y axis of a heatmap with a row per name, the first on top."""
    return {**_names(names), "range": [len(names) - 0.5, -0.5]}


def _names(names: Sequence[str]) -> dict[str, Any]:
    bare = {"ticks": "", "showgrid": False, "fixedrange": True}
    return {**bare, "tickvals": list(range(len(names))), "ticktext": list(names)}


def cell_numbers(cells: Sequence[tuple[int, int, str, bool]], theme: str, size: int = 11) -> go.Scatter:
    """The texts in a heatmap's cells (column, row, text, whether the cell is strong), to be read on their colours."""
    weak, strong = INK[theme]
    return go.Scatter(
        x=[column for column, _, _, _ in cells],
        y=[row for _, row, _, _ in cells],
        mode="text",
        text=[text for _, _, text, _ in cells],
        textfont={"size": size, "color": [strong if is_strong else weak for _, _, _, is_strong in cells]},
        hoverinfo="skip",
        showlegend=False,
    )
