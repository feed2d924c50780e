"""What models answer, side by side: each one's most probable classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.colours import MEAN, POST

TOP = 5
RIGHT, WRONG = "#299c4a", MEAN


def answers_frame(answers: Mapping[str, Sequence[float]], classes: Sequence[str], truth: int | None) -> pd.DataFrame:
    """A row per model and class, most probable first: the probability, and whether it is the true class if known."""
    rows = [
        (model, rank, classes[place], values[place], None if truth is None else place == truth)
        for model, values in answers.items()
        for rank, place in enumerate(ranking(values), 1)
    ]
    return pd.DataFrame(rows, columns=["model", "rank", "class", "probability", "true_class"])


def ranking(values: Sequence[float]) -> list[int]:
    """Places by falling probability; of equals the first."""
    return sorted(range(len(values)), key=lambda place: -values[place])


def answers_chart(answers: Mapping[str, Sequence[float]], classes: Sequence[str], truth: int | None) -> go.Figure:
    """Probability in percent of each model's five most probable classes; the true class, where known, in green.

    Where the true class is not among the five it follows below them.
    """
    rows = {model: ranking(values)[:TOP] for model, values in answers.items()}
    if truth is not None:
        rows = {model: top if truth in top else [*top, truth] for model, top in rows.items()}
    lines = max(len(top) for top in rows.values())
    figure = make_subplots(cols=len(answers), shared_xaxes=False, horizontal_spacing=0.05)
    for column, (model, values) in enumerate(answers.items(), 1):
        top = rows[model]
        shades = [POST if truth is None else RIGHT if place == truth else WRONG for place in top]
        percent = [100 * values[place] for place in top]
        ranks = list(range(len(top)))
        figure.add_bar(
            x=percent, y=ranks, orientation="h", width=0.34, name=model, marker={"color": shades}, showlegend=False,
            customdata=[classes[place] for place in top],
            hovertemplate="%{customdata}: %{x:.2f}%<extra>" + model + "</extra>", row=1, col=column,
        )  # fmt: skip
        marks = ["" if truth != place else " ✓" for place in top]
        figure.add_scatter(
            x=[0] * len(top), y=[rank - 0.38 for rank in ranks], mode="text", textposition="middle right",
            text=[f"{classes[i]}{mark}  {value:.1f}%" for i, mark, value in zip(top, marks, percent, strict=True)],
            hoverinfo="skip", showlegend=False, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title="Probability (%)", range=[0, 100], fixedrange=True, nticks=5)
    figure.update_yaxes(range=[lines - 0.6, -0.8], visible=False, fixedrange=True)
    return figure.update_layout(height=90 + 42 * lines)
