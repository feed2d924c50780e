"""The leaderboard of the runs compared, with the best value of every column marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.comparison import METRICS, best_marks
from dashboard.runs.titles import METHODS, title
from dashboard.text import number_text, rounded

COLUMNS = {  # by metric: heading and decimals
    "acc": ("ACC (%)", 1),
    "bwt": ("BWT (pt)", 1),
    "stability": ("Stability (%)", 1),
    "plasticity": ("Plasticity (%)", 1),
    "seconds": ("Time (s)", 1),
    "memory_gib": ("Memory (GiB)", 2),
}
MARK_STYLE = "background-color: rgba(106, 111, 240, 0.22); font-weight: 600"


def description(config: Mapping[str, Any]) -> str:
    """A run's title, with the preset where it is not the default one."""
    return title(config) + (f" · {config['preset']}" if config["preset"] != "default" else "")


def leaderboard_table(table: pd.DataFrame) -> None:
    """Draw a leaderboard, the best value of every column marked; pools as mean ± std."""
    pooled = bool((table["n"] > 1).any())
    column = st.column_config
    cells = table.loc[:, ["name", "method", "preset", "labels", "alpha", "tasks", "n", *METRICS]].copy()
    cells["method"] = [METHODS[method] for method in table["method"]]
    config = {
        "name": column.TextColumn("Runs" if pooled else "Run", width=60, pinned=True),
        "method": column.TextColumn("Method"),
        "preset": column.TextColumn("Preset"),
        "labels": column.TextColumn("Labels"),
        "alpha": column.NumberColumn("α", format="%.2f", width=50),
        "tasks": column.NumberColumn("Tasks", width=50),
        "n": column.NumberColumn("n", help="Runs pooled: orders and seeds.", width=40) if pooled else None,
    }
    for metric, (heading, digits) in COLUMNS.items():
        signed = metric == "bwt"
        if pooled:
            cells[metric] = [
                _mean_and_deviation(mean, std, digits, signed)
                for mean, std in zip(table[metric], table[f"{metric}_std"], strict=True)
            ]
            config[metric] = column.TextColumn(heading, alignment="right")
        else:
            cells[metric] = [rounded(value, digits) for value in table[metric].astype(float)]
            config[metric] = column.NumberColumn(heading, format=f"%{'+' if signed else ''}.{digits}f")
    marks = best_marks(table)
    st.dataframe(
        cells.style.apply(
            lambda values: [MARK_STYLE if mark else "" for mark in marks[values.name]], subset=list(METRICS)
        ),
        hide_index=True,
        column_config=config,
        placeholder="",
        alt="Leaderboard, best ACC first",
    )


def _mean_and_deviation(mean: float | None, std: float | None, digits: int, signed: bool) -> str:
    if mean is None or pd.isna(mean):
        return ""
    text = number_text(mean, digits, signed)
    return text if std is None or pd.isna(std) else f"{text} ± {number_text(std, digits)}"
