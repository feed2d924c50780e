"""The leaderboard of the runs compared, with the best value of every column marked."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.runs.columns import COLUMNS, mean_and_deviation
from dashboard.text import rounded
from otmf_core.analysis.comparison import METRICS, Row, best_marks

MARK_STYLE = "background-color: rgba(106, 111, 240, 0.22); font-weight: 600"


def leaderboard_table(rows: Sequence[Row]) -> None:
    """Draw a leaderboard, the best value of every column marked; pools as mean ± std, of time the median."""
    table = pd.DataFrame(rows)
    pooled = bool((table["n"] > 1).any())
    column = st.column_config
    cells = table.loc[:, ["name", "method", "setting", "preset", "labels", "tasks", "n", *METRICS]].copy()
    config = {
        "name": column.TextColumn("Runs" if pooled else "Run", width=60, pinned=True),
        "method": column.TextColumn("Method"),
        "setting": column.TextColumn("Setting", width=70),
        "preset": column.TextColumn("Preset"),
        "labels": column.TextColumn("Labels"),
        "tasks": column.NumberColumn("Tasks", width=50),
        "n": column.NumberColumn("n", help="Runs pooled: orders and seeds.", width=40) if pooled else None,
    }
    for metric, (heading, digits) in COLUMNS.items():
        signed = metric == "bwt"
        if pooled:
            cells[metric] = [
                mean_and_deviation(mean, std, digits, signed)
                for mean, std in zip(table[metric], table[f"{metric}_std"], strict=True)
            ]
            about = "Median over the runs." if metric == "seconds" else None
            config[metric] = column.TextColumn(heading, alignment="right", help=about)
        else:
            cells[metric] = [rounded(value, digits) for value in table[metric].astype(float)]
            config[metric] = column.NumberColumn(heading, format=f"%{'+' if signed else ''}.{digits}f")
    marks = best_marks(rows)
    st.dataframe(
        cells.style.apply(
            lambda values: [MARK_STYLE if mark else "" for mark in marks[values.name]], subset=list(METRICS)
        ),
        hide_index=True,
        column_config=config,
        placeholder="",
        alt="Leaderboard, best ACC first",
    )
