"""The transport plan between two models, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.matrix import SCALES
from dashboard.text import chart_letters


def plan_frame(mass: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """The plan's mass by class as a table, in percent of all: merged class, teacher class, mass; no empty cells."""
    rows = [
        (classes[i], classes[j], 100 * mass[i, j])
        for i in range(len(classes))
        for j in range(len(classes))
        if mass[i, j] > 1e-9
    ]
    return pd.DataFrame(rows, columns=["merged_class", "teacher_class", "mass_percent"])


def plan_heatmap(mass: np.ndarray, classes: Sequence[str], theme: str = "light") -> go.Figure:
    """The classes to which the merged model's features are moved: row i has the shares of class i's mass, in percent.

    `mass` (classes, classes) is the plan's; rows of classes without an example are left out.
    """
    present = [label for label in range(len(classes)) if mass[label].sum() > 0]
    names = [chart_letters(classes[label]) for label in present]
    block = mass[np.ix_(present, present)]
    chart = go.Figure(
        go.Heatmap(
            z=100 * block / block.sum(axis=1, keepdims=True),
            x=names,
            y=names,
            zmin=0,
            zmax=100,
            colorscale=SCALES[theme],
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": "%"}, "thickness": 10, "outlinewidth": 0},
            hovertemplate="%{z:.1f}% of %{y} (merged) goes to %{x} (teacher)<extra></extra>",
        )
    )
    small = {"type": "category", "tickfont": {"size": 11 if len(names) <= 16 else 9}, "ticks": "", "showgrid": False}
    chart.update_xaxes(title="Class in the teacher's features", tickangle=-60, **small)
    chart.update_yaxes(title="Class in the merged model's", range=[len(names) - 0.5, -0.5], **small)
    return chart.update_layout(height=400)
