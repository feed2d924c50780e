"""Accuracy of every task along the merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from dashboard.charts.axes import accuracy_range
from dashboard.charts.colours import MEAN
from dashboard.text import chart_letters


def accuracy_curves(
    matrix: Sequence[Sequence[float | None] | None],
    tasks: Sequence[str],
    names: Mapping[str, str],
    colours: Mapping[str, str],
    selection: Sequence[str] | None = None,
    individual: Mapping[str, float] | None = None,
) -> go.Figure:
    """Accuracy in percent against the step: a line per task from its merge on, and the mean so far.

    Dotted and grey: the tasks before their merge. `matrix` is (T+1) × T as in the accuracy matrix; `names` and
    `colours` are by task id. Of the tasks in `selection` (all by default) there are lines and means; with `individual`,
    also the means of a[0] and of the fine-tuned models.
    """
    chart = go.Figure()
    names = {task: chart_letters(name) for task, name in names.items()}
    columns = [column for column, task in enumerate(tasks) if selection is None or task in selection]
    before: list[tuple[float | None, float | None, str, int]] = []  # x, y, name, size; None between tasks
    for column in columns:
        task = tasks[column]
        points = [
            (step, value) for step, row in enumerate(matrix) if row is not None and (value := row[column]) is not None
        ]
        merged = [(step, value) for step, value in points if step > column]
        earlier = [(step, value, names[task], 4) for step, value in points if step <= column]
        if earlier:
            before += [*earlier, *((*point, names[task], 0) for point in merged[:1]), (None, None, "", 0)]
        chart.add_scatter(
            x=[step for step, _ in merged],
            y=[value for _, value in merged],
            mode="lines+markers",
            name=names[task],
            line={"color": colours[task], "width": 2},
            marker={"size": 6},
            hovertemplate="%{fullData.name}: %{y:.1f}%<extra></extra>",
        )
    x, y, text, size = (list(values) for values in zip(*before, strict=True)) if before else ([],) * 4
    chart.add_scatter(  # one trace for all: a trace each is half of the time to draw the chart
        x=x,
        y=y,
        text=text,
        mode="lines+markers",
        name="Before its merge",
        opacity=0.55,
        line={"color": MEAN, "width": 1, "dash": "dot"},
        marker={"size": size},
        hovertemplate="%{text}, before its merge: %{y:.1f}%<extra></extra>",
    )
    means = [
        (step, fmean(values))
        for step, row in enumerate(matrix)
        if row is not None
        and (values := [value for column in columns if column < step and (value := row[column]) is not None])
    ]
    chart.add_scatter(
        x=[step for step, _ in means],
        y=[value for _, value in means],
        mode="lines",
        name="Mean of merged",
        line={"color": MEAN, "width": 4, "dash": "dash"},
        hovertemplate="Mean of merged tasks: %{y:.1f}%<extra></extra>",
    )
    if individual is not None:
        first_row = matrix[0] if matrix else None
        start = [value for column in columns if first_row and (value := first_row[column]) is not None]
        own = [individual[tasks[column]] for column in columns if tasks[column] in individual]
        lines = [(fmean(values), label) for label, values in (("Pre-trained", start), ("Individual", own)) if values]
        for level, label in lines:
            chart.add_hline(
                level,
                line={"color": MEAN, "width": 1.5, "dash": "dot"},
                annotation={"text": f"{label} {level:.1f}%", "font": {"size": 11}},
                annotation_position="top left" if (level, label) == max(lines) else "bottom left",  # so that none meet
            )
    steps = list(range(len(tasks) + 1))
    chart.update_xaxes(title="Tasks merged", tickvals=steps, range=[-0.2, len(tasks) + 0.2])
    chart.update_yaxes(title="Test accuracy (%)", range=accuracy_range(value for row in matrix for value in row or ()))
    legend = {"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"} if len(tasks) > 10 else {}
    return chart.update_layout(height=max(500, 90 + 19 * (len(columns) + 2)), legend=legend)
