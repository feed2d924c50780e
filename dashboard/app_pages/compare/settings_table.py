"""The settings that differ between the runs compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.comparison import unusual_marks
from dashboard.app_pages.compare.leaderboard import MARK_STYLE
from otmf_core.config import MergeConfig


def settings_table(table: pd.DataFrame, tasks: Mapping[str, str]) -> None:
    """Draw the settings that differ, with those that most of the runs do not share marked; `tasks` are names by id."""
    marks = unusual_marks(table)
    cells = table.copy()
    if "tasks" in cells:
        cells["tasks"] = [", ".join(tasks.get(task, task) for task in order) for order in table["tasks"]]
    cells = cells.map(_plain)
    cells.insert(0, "name", cells.index)
    config: dict[str, Any] = {"name": st.column_config.TextColumn("Run", width=60, pinned=True)}
    for field in map(str, table):
        width = "large" if field == "tasks" else None
        about = MergeConfig.model_fields[field].description
        config[field] = st.column_config.TextColumn(field.replace("_", " "), help=about, width=width)
    st.dataframe(
        cells.style.apply(
            lambda values: [MARK_STYLE if mark else "" for mark in marks[values.name]], subset=list(table)
        ),
        hide_index=True,
        column_config=config,
        alt="Settings that differ between the runs",
    )


def _plain(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:g}"
    return "–" if value is None else str(value)
