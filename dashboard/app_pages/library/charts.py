"""The lengths of task vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.text import chart_letters


def lengths(
    relative: Sequence[float], tasks: Sequence[str], names: Mapping[str, str], colours: Mapping[str, str]
) -> go.Figure:
    """‖Δᵗ‖ / ‖θ⁰‖ in percent, a bar per task; `relative` are fractions, in the order of `tasks`."""
    chart = go.Figure(
        go.Bar(
            x=[100 * value for value in relative],
            y=[chart_letters(names[task]) for task in tasks],
            orientation="h",
            marker={"color": [colours[task] for task in tasks]},
            hovertemplate="%{y}: %{x:.2f}% of the pre-trained model's norm<extra></extra>",
        )
    )
    chart.update_xaxes(title="‖Δ‖ / ‖θ⁰‖ (%)", rangemode="tozero")
    chart.update_yaxes(type="category", range=[len(tasks) - 0.5, -0.5], showgrid=False)
    return chart.update_layout(height=110 + 27 * max(len(tasks), 3), bargap=0.35)
