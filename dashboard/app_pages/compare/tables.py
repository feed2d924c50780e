"""The tables of the comparison as they are drawn: formats, and what stands out in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.comparison import FIGURES, best, unusual
from dashboard.app_pages.compare.published import PAIR, published
from dashboard.runs.titles import METHODS, title
from dashboard.ui.chart import heading
from otmf_core.config import MergeConfig

HEADS = {
    "acc": ("ACC (%)", 1), "bwt": ("BWT (pt)", 1), "stability": ("Stability (%)", 1),
    "plasticity": ("Plasticity (%)", 1), "seconds": ("Time (s)", 1), "memory_gib": ("Memory (GiB)", 2),
}  # fmt: skip
MARK = "background-color: rgba(106, 111, 240, 0.22); font-weight: 600"


def described(config: Mapping[str, Any]) -> str:
    """What was merged how, with the preset where it is not the default one."""
    return title(config) + (f" · {config['preset']}" if config["preset"] != "default" else "")


def board(table: pd.DataFrame) -> None:
    """Draw a leaderboard, the best value of every column marked; pools as mean ± std."""
    pooled = bool((table["n"] > 1).any())
    column = st.column_config
    shown = table[["name", "method", "preset", "labels", "alpha", "tasks", "n", *FIGURES]].copy()
    shown["method"] = shown["method"].map(METHODS)
    config = {
        "name": column.TextColumn("Runs" if pooled else "Run", width=60, pinned=True),
        "method": column.TextColumn("Method"),
        "preset": column.TextColumn("Preset"),
        "labels": column.TextColumn("Labels"),
        "alpha": column.NumberColumn("α", format="%.2f", width=50),
        "tasks": column.NumberColumn("Tasks", width=50),
        "n": column.NumberColumn("n", help="Runs pooled: orders and seeds.", width=40) if pooled else None,
    }
    for figure, (head, digits) in HEADS.items():
        if pooled:
            shown[figure] = [
                _spread(mean, std, digits, figure == "bwt")
                for mean, std in zip(table[figure], table[f"{figure}_std"], strict=True)
            ]
            config[figure] = column.TextColumn(head, alignment="right")
        else:
            shown[figure] = shown[figure].astype(float).round(digits) + 0.0  # no −0.0
            config[figure] = column.NumberColumn(head, format=f"%{'+' if figure == 'bwt' else ''}.{digits}f")
    marks = best(table)
    styled = shown.style.apply(
        lambda values: [MARK if mark else "" for mark in marks[values.name]], subset=list(FIGURES)
    )
    st.dataframe(styled, hide_index=True, column_config=config, placeholder="", alt="Leaderboard, best ACC first")


def _spread(mean: float | None, std: float | None, digits: int, signed: bool) -> str:
    if pd.isna(mean):
        return ""
    text = f"{mean:{'+' if signed else ''}.{digits}f}"
    return (text if pd.isna(std) else f"{text} ± {std:.{digits}f}").replace("-", "−")


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


def published_table() -> None:
    """Draw what papers report: a table of its own, labelled as not measured here."""
    table = published()
    st.subheader("Published for CLIP ViT-B/32", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("Not measured here", icon=":material/menu_book:", color="orange")
        st.caption(f"Other models and other tasks than the runs above. {PAIR}", width="content")
    heading(
        lambda: table, title="As printed", measured="in the papers named", key="published", name="published-vit-b-32"
    )
    column = st.column_config
    config = {
        "method": column.TextColumn("Method", width=190),
        "labels": column.TextColumn("Labels used", width=150),
        "source": column.TextColumn("Source"),
    }
    for tasks in (8, 14, 20):
        config[f"acc_{tasks}"] = column.NumberColumn(f"ACC {tasks} (%)", format="%.1f", width=90)
        config[f"bwt_{tasks}"] = column.NumberColumn(f"BWT {tasks} (pt)", format="%+.1f", width=90)
    st.dataframe(table, hide_index=True, height="content", column_config=config, placeholder="–",
                 alt="Published figures of CLIP ViT-B/32 for 8, 14 and 20 tasks")  # fmt: skip
