"""Accuracy of every task along the merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN


def accuracy_curves(
    matrix: Sequence[Sequence[float | None] | None],
    tasks: Sequence[str],
    names: Mapping[str, str],
    colours: Mapping[str, str],
    shown: Sequence[str] | None = None,
    individual: Mapping[str, float] | None = None,
) -> go.Figure:
    """Accuracy in percent against the step: a line per task from its merge on, and the mean so far.

    Dotted and grey: the tasks before their merge. `matrix` is (T+1) × T as in the accuracy matrix; `names` and
    `colours` are by task id. Of the tasks `shown` (all by default) there are lines and means; with `individual`, also
    the means of a[0] and of the fine-tuned models.
    """
    figure = go.Figure()
    places = [place for place, task in enumerate(tasks) if shown is None or task in shown]
    before: list[tuple[float | None, float | None, str, int]] = []  # x, y, name, size; None between tasks
    for place in places:
        task = tasks[place]
        known = [(step, row[place]) for step, row in enumerate(matrix) if row is not None and row[place] is not None]
        merged = [(step, value) for step, value in known if step > place]
        earlier = [(*point, names[task], 4) for point in known if point[0] <= place]
        if earlier:
            before += [*earlier, *((*point, names[task], 0) for point in merged[:1]), (None, None, "", 0)]
        figure.add_scatter(
            x=[step for step, _ in merged],
            y=[value for _, value in merged],
            mode="lines+markers",
            name=names[task],
            line={"color": colours[task], "width": 2},
            marker={"size": 6},
            hovertemplate="%{fullData.name}: %{y:.1f}%<extra></extra>",
        )
    x, y, text, size = (list(column) for column in zip(*before, strict=True)) if before else ([],) * 4
    figure.add_scatter(  # one trace for all: a trace each is half of the time to draw the figure
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
        and (values := [value for place in places if place < step and (value := row[place]) is not None])
    ]
    figure.add_scatter(
        x=[step for step, _ in means],
        y=[value for _, value in means],
        mode="lines",
        name="Mean of merged",
        line={"color": MEAN, "width": 4, "dash": "dash"},
        hovertemplate="Mean of merged tasks: %{y:.1f}%<extra></extra>",
    )
    if individual is not None:
        start = [row[place] for row in matrix[:1] if row is not None for place in places if row[place] is not None]
        own = [individual[tasks[place]] for place in places if tasks[place] in individual]
        for text, values in (("Pre-trained", start), ("Individual", own)):
            if values:
                label = f"{text} {fmean(values):.1f}%"
                figure.add_hline(
                    fmean(values), line={"color": MEAN, "width": 1.5, "dash": "dot"},
                    annotation={"text": label, "font": {"size": 11}}, annotation_position="top left",
                )  # fmt: skip
    steps = list(range(len(tasks) + 1))
    figure.update_xaxes(title="Tasks merged", tickvals=steps, range=[-0.2, len(tasks) + 0.2])
    figure.update_yaxes(title="Test accuracy (%)", range=[0, 101])
    beside = {"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"} if len(tasks) > 10 else {}
    return figure.update_layout(height=max(500, 90 + 19 * len(figure.data)), legend=beside)
