"""The cosines between task vectors as an annotated heatmap."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.matrix import SCALES, cell_numbers, names_above, names_beside

TOP = 0.3  # the scale reaches at least here, so that near-orthogonal vectors do not look related


def cosine_matrix(cosines: Sequence[Sequence[float]], names: Sequence[str], ground: str = "light") -> go.Figure:
    """cos(Δⁱ, Δʲ) of every pair of tasks, (T, T); the diagonal, one by definition, is left out.

    The darker a cell on light ground (the lighter on dark), the more two task vectors point the same way.
    """
    others = [[None if i == j else value for j, value in enumerate(row)] for i, row in enumerate(cosines)]
    known = [value for row in others for value in row if value is not None and value == value]
    top = max([TOP, *known])
    cells = [
        (j, i, _short(value), value > 0.75 * top)
        for i, row in enumerate(others)
        for j, value in enumerate(row)
        if value in known
    ]
    figure = go.Figure(
        [
            go.Heatmap(
                z=others,
                colorscale=SCALES[ground],
                zmin=min([0.0, *known]),
                zmax=top,
                showscale=False,
                xgap=2,
                ygap=2,
                customdata=[[(row, column) for column in names] for row in names],
                hovertemplate="%{customdata[0]} and %{customdata[1]}: %{z:.3f}<extra></extra>",
                hoverongaps=False,
            ),
            cell_numbers(cells, ground),
        ]
    )
    figure.update_xaxes(**names_above(names))
    figure.update_yaxes(**names_beside(names))
    return figure.update_layout(height=110 + 27 * max(len(names), 3))


def _short(value: float) -> str:
    """0.312 as .31, −0.02 as −.02, −0.001 as .00."""
    return f"{round(value, 2) + 0.0:.2f}".replace("0.", ".").replace("-", "−")
