"""The leaderboard of the runs compared, with the best value of every column marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.comparison import FIGURES, best
from dashboard.runs.titles import METHODS, title

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
