"""Accuracy matrices of the runs compared, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard.charts.matrix import accuracy_matrix
from dashboard.library.labels import library_labels
from dashboard.runs.accuracy_charts import matrix_frame
from dashboard.runs.titles import description
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.layout import panels
from dashboard.ui.theme import theme
from otmf_core.runs.folder import Run

MOST_MATRICES = 4


def matrices(runs: Sequence[Run], names: Mapping[str, str], key: str = "") -> None:
    """Draw the matrices of two runs, or of those picked; `names` are by run id, `key` ends the keys."""
    letters = list(names.values())
    selection = letters
    if len(letters) > 2:
        selection = st.multiselect(
            "Matrices side by side",
            letters,
            letters[:2],
            max_selections=MOST_MATRICES,
            key=f"matrices{key}",
            bind="query-params",
        )
    runs = [run for run in runs if names[run.id] in selection]
    columns = [panel for row in range(0, len(runs), 2) for panel in panels(2, f"matrices{key}-{row}")]
    for run, panel in zip(runs, columns, strict=False):
        tasks = [library_labels(run.config).names[task] for task in run.config.tasks]
        with panel:
            show_chart(
                cached_chart(accuracy_matrix, run.matrix, tasks, theme()),
                partial(matrix_frame, run.matrix, tasks),
                title=f"{names[run.id]} · {description(run.config)}",
                measured="test, %, framed when merged",
                key=f"matrix-{run.id}",
                name=f"{run.id}-matrix",
            )
