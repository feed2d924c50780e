"""The settings that differ between the runs compared."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.comparison import unusual
from dashboard.app_pages.compare.leaderboard import MARK
from otmf_core.config import MergeConfig


def settings_table(table: pd.DataFrame, tasks: Mapping[str, str]) -> None:
    """Draw the settings that differ, with those that most of the runs do not share marked; `tasks` are names by id."""
    marks = unusual(table)
    shown = table.copy()
    if "tasks" in shown:
        shown["tasks"] = [", ".join(tasks.get(task, task) for task in order) for order in table["tasks"]]
    shown = shown.map(_plain)
    shown.insert(0, "name", shown.index)
    heads: dict[str, object] = {"name": st.column_config.TextColumn("Run", width=60, pinned=True)}
    for field in table:
        width = "large" if field == "tasks" else None
        about = MergeConfig.model_fields[field].description
        heads[field] = st.column_config.TextColumn(field.replace("_", " "), help=about, width=width)
    st.dataframe(
        shown.style.apply(lambda values: [MARK if mark else "" for mark in marks[values.name]], subset=list(table)),
        hide_index=True,
        column_config=heads,
        alt="Settings that differ between the runs",
    )


def _plain(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:g}"
    return "–" if value is None else str(value)
