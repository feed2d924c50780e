"""The settings that differ between the runs compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.leaderboard import MARK_STYLE
from otmf_core.analysis.comparison import Row, unusual_marks
from otmf_core.config import setting_named

HELP = {"method": "how two task vectors are fused"}


def settings_table(differ: Mapping[str, Row], tasks: Mapping[str, str]) -> None:
    """Draw the settings that differ by run, with those that most runs do not share marked; `tasks` are names by id."""
    rows = list(differ.values())
    marks = unusual_marks(rows)
    table = pd.DataFrame(rows)
    if "tasks" in table:
        table["tasks"] = [", ".join(tasks.get(task, task) for task in order) for order in table["tasks"]]
    cells = table.map(_plain)
    cells.insert(0, "name", list(differ))
    config: dict[str, Any] = {"name": st.column_config.TextColumn("Run", width=60, pinned=True)}
    for field in map(str, table):
        width = "large" if field == "tasks" else None
        about = about_setting(field)
        config[field] = st.column_config.TextColumn(field.replace("_", " "), help=about, width=width)
    st.dataframe(
        cells.style.apply(
            lambda values: [MARK_STYLE if mark else "" for mark in marks[values.name]], subset=list(table)
        ),
        hide_index=True,
        column_config=config,
        alt="Settings that differ between the runs",
    )


def about_setting(name: str) -> str:
    """What a column of settings holds."""
    return HELP.get(name) or setting_named(name).description


def _plain(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:g}"
    return "–" if value is None else str(value)
