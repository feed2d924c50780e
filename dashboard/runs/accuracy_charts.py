"""The accuracy matrix and the accuracy curves of a run, as several pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.charts.curves import accuracy_curves
from dashboard.charts.matrix import accuracy_matrix
from dashboard.library.labels import library_labels
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.layout import panels
from dashboard.ui.theme import theme
from otmf_core.runs.view import RunView

SIDE_BY_SIDE = 10  # tasks up to which the matrix and the curves share a row


def accuracy_charts(
    view: RunView, page: str, selection: Sequence[str] | None = None, individual: Mapping[str, float] | None = None
) -> None:
    """Draw the accuracy matrix and the curves, side by side where both fit.

    `page` begins their keys; the curves take `selection` and `individual` as `accuracy_curves` does.
    """
    labels = library_labels(view.config)
    tasks = list(view.tasks)
    names = [labels.names[task] for task in tasks]
    data = partial(matrix_frame, view.cells, names)
    beside = len(tasks) <= SIDE_BY_SIDE
    first, second = panels(2, f"{page}-accuracy") if beside else (st.container(), st.container())
    with first:
        show_chart(
            cached_chart(accuracy_matrix, view.cells, names, theme(), narrow=page == "merge" and beside),
            data,
            title="Accuracy matrix",
            measured="test, %, framed when merged",
            key=f"{page}-matrix",
            name=f"{view.run}-matrix",
        )
    with second:
        show_chart(
            cached_chart(accuracy_curves, view.matrix, tasks, labels.names, labels.colours, selection, individual),
            data,
            title="Accuracy of each task",
            measured="dotted before its merge",
            key=f"{page}-curves",
            name=f"{view.run}-curves",
        )


def matrix_frame(matrix: Sequence[Sequence[float | None] | None], names: Sequence[str]) -> pd.DataFrame:
    """The accuracy matrix as a table: step (0: pre-trained), task, accuracy in percent; evaluated cells only."""
    cells = [
        (step, name, value)
        for step, row in enumerate(matrix)
        for name, value in zip(names, row or (), strict=False)
        if value is not None
    ]
    return pd.DataFrame(cells, columns=["step", "task", "accuracy"])
