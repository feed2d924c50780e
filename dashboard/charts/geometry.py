"""The cosines between task vectors as an annotated heatmap."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.matrix import SCALES, cell_numbers, names_above, names_beside
from dashboard.text import chart_letters, number_text

LEAST_TOP = 0.3  # the scale reaches at least here, so that near-orthogonal vectors do not look related


def cosine_matrix(cosines: Sequence[Sequence[float]], names: Sequence[str], theme: str = "light") -> go.Figure:
    """cos(Δⁱ, Δʲ) of every pair of tasks, (T, T); the diagonal, one by definition, is left out.

    The darker a cell in the light theme (the lighter in the dark one), the more two task vectors point the same way.
    """
    names = [*map(chart_letters, names)]
    others = [[None if i == j else value for j, value in enumerate(row)] for i, row in enumerate(cosines)]
    values = [value for row in others for value in row if value is not None and value == value]
    top = max([LEAST_TOP, *values])
    cells = [
        (j, i, _short(value), value > 0.75 * top)
        for i, row in enumerate(others)
        for j, value in enumerate(row)
        if value is not None and value == value
    ]
    chart = go.Figure(
        [
            go.Heatmap(
                z=others,
                colorscale=SCALES[theme],
                zmin=min([0.0, *values]),
                zmax=top,
                showscale=False,
                xgap=2,
                ygap=2,
                customdata=[[(row, column) for column in names] for row in names],
                hovertemplate="%{customdata[0]} and %{customdata[1]}: %{z:.3f}<extra></extra>",
                hoverongaps=False,
            ),
            cell_numbers(cells, theme),
        ]
    )
    chart.update_xaxes(**names_above(names))
    chart.update_yaxes(**names_beside(names))
    return chart.update_layout(height=110 + 27 * max(len(names), 3))


def _short(value: float) -> str:
    """0.312 as .31, −0.02 as −.02, −0.001 as .00."""
    return number_text(value, 2).replace("0.", ".")
