"""The chart of what models answer, side by side: each one's most probable classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.colours import MEAN, POST
from dashboard.text import chart_letters

CLASSES_SHOWN = 5  # of each model
RIGHT, WRONG = "#299c4a", MEAN


def answers_frame(answers: Mapping[str, Sequence[float]], classes: Sequence[str], truth: int | None) -> pd.DataFrame:
    """A row per model and class, most probable first: the probability, and whether it is the true class if known."""
    rows = [
        (model, rank, classes[label], values[label], None if truth is None else label == truth)
        for model, values in answers.items()
        for rank, label in enumerate(ranking(values), 1)
    ]
    return pd.DataFrame(rows, columns=["model", "rank", "class", "probability", "true_class"])


def ranking(values: Sequence[float]) -> list[int]:
    """Class labels by falling probability; of equals the first."""
    return sorted(range(len(values)), key=lambda label: -values[label])


def classes_shown(count: int, noun: str = "classes") -> str:
    """Which of so many classes the chart shows; `noun` is what they are called."""
    if count > CLASSES_SHOWN:
        return f"the five most probable of {count} {noun}"
    return f"both {noun}" if count == 2 else f"all {count} {noun}"


def answers_chart(answers: Mapping[str, Sequence[float]], classes: Sequence[str], truth: int | None) -> go.Figure:
    """Probability in percent of each model's five most probable classes; the true class, where known, in green.

    Where the true class is not among the five it follows below them.
    """
    classes = [*map(chart_letters, classes)]
    best = {model: ranking(values)[:CLASSES_SHOWN] for model, values in answers.items()}
    if truth is not None:
        best = {model: labels if truth in labels else [*labels, truth] for model, labels in best.items()}
    rows = max(len(labels) for labels in best.values())
    chart = make_subplots(cols=len(answers), shared_xaxes=False, horizontal_spacing=0.05)
    for column, (model, values) in enumerate(answers.items(), 1):
        labels = best[model]
        percent = [100 * values[label] for label in labels]
        ranks = list(range(len(labels)))
        shades = [POST if truth is None else RIGHT if label == truth else WRONG for label in labels]
        chart.add_bar(
            x=percent,
            y=ranks,
            orientation="h",
            width=0.34,
            name=chart_letters(model),
            marker={"color": shades},
            showlegend=False,
            customdata=[classes[label] for label in labels],
            hovertemplate="%{customdata}: %{x:.2f}%<extra>%{fullData.name}</extra>",
            row=1,
            col=column,
        )
        ticks = ["" if truth != label else " ✓" for label in labels]
        chart.add_scatter(
            x=[0] * len(labels),
            y=[rank - 0.38 for rank in ranks],
            mode="text",
            textposition="middle right",
            text=[
                f"{value:.1f}%{tick}  {classes[label]}"
                for label, tick, value in zip(labels, ticks, percent, strict=True)
            ],
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=column,
        )
    chart.update_xaxes(title="Probability (%)", range=[0, 100], fixedrange=True, nticks=5)
    chart.update_yaxes(range=[rows - 0.6, -0.8], visible=False, fixedrange=True)
    return chart.update_layout(height=90 + 42 * rows)
