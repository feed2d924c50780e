"""Charts of what happens inside fusions, iteration by iteration: losses, means of masks, learned coefficients."""

from __future__ import annotations

from statistics import fmean

import pandas as pd
import streamlit as st

from dashboard.charts.fusions import Sides, reported_curves
from dashboard.library.labels import library_labels
from dashboard.text import letters, number_text
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.layout import panels
from otmf_core.runs.view import RunView

FIRST, LAST = 3, 10  # iterations that a fusion is judged by


def fusion_charts(view: RunView, page: str) -> None:
    """Draw the losses of the fusions so far and, where they were reported, means of masks and learned coefficients.

    Nothing without fusions. `page` begins the charts' keys.
    """
    tasks, names = list(view.tasks), library_labels(view.config).names
    reported = reported_curves(view.fusions)
    for start in range(0, len(reported), 2):
        pair = reported[start : start + 2]
        for panel, (each, sides) in zip(panels(2, f"{page}-fusions-{start}"), pair, strict=False):
            with panel:
                show_chart(
                    cached_chart(each.chart, sides, view.iterations, tasks, names),
                    lambda sides=sides, what=each.what: sides_frame(sides, what),
                    title=each.title,
                    measured=each.measured,
                    key=f"{page}-{each.name}",
                    name=f"{view.run}-{each.name}",
                )
    if reported and (lines := in_vain(reported[0][1], view.iterations)):
        said = [
            f"{letters(names[tasks[step - 1]])} ({number_text(a, 3)} → {number_text(b, 3)})" for step, a, b in lines
        ]
        st.caption(
            f":material/info: Masks did not lower the loss when these were taken in: {', '.join(said)}. Means of the "
            f"first {FIRST} and the last {LAST} iterations, each task alike; without masks it may be as good there."
        )


def in_vain(losses: Sides, iterations: int) -> list[tuple[int, float, float]]:
    """Fusions that ended with no less loss than they began with: step, loss at first and at last.

    Of fusions of so many iterations that are done, both sides added up, the pre side once for each earlier task: means
    of the first and of the last iterations. Fusions too short for these are not judged.
    """
    found = []
    for step, sides in sorted(losses.items()):
        if iterations < FIRST + LAST or any(len(side) < iterations for side in sides):
            continue
        first = last = 0.0
        for weight, side in zip((step - 1, 1), sides, strict=True):
            values = [value for value in side if value is not None]
            if values:
                first += weight * fmean(values[:FIRST])
                last += weight * fmean(values[-LAST:])
        if last >= first > 0:
            found.append((step, first, last))
    return found


def sides_frame(values: Sides, what: str) -> pd.DataFrame:
    """Curves as a table: step of the fold, iteration from 1, and both sides (empty where there is no value)."""
    rows = [
        (step, iteration, *both)
        for step, sides in sorted(values.items())
        for iteration, both in enumerate(zip(*sides, strict=True), 1)
    ]
    columns = [f"{what}_pre", f"{what}_post"]
    return pd.DataFrame(rows, columns=["step", "iteration", *columns]).dropna(how="all", subset=columns)
