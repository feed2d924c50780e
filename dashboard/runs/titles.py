"""Titles and status badges of runs."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from otmf_core.config import MergeConfig
from otmf_core.runs.view import RunView

BADGES: dict[str, tuple[str, str, Literal["gray", "blue", "orange", "red", "green"]]] = {
    "queued": ("Queued", ":material/schedule:", "gray"),
    "running": ("Running", ":material/play_circle:", "blue"),
    "stopped": ("Paused", ":material/pause_circle:", "orange"),
    "interrupted": ("Interrupted", ":material/power_off:", "orange"),
    "failed": ("Failed", ":material/error:", "red"),
    "done": ("Done", ":material/check_circle:", "green"),
}
RESUMABLE = ("stopped", "interrupted", "failed")  # statuses


def title(config: MergeConfig) -> str:
    """A run's title: method, number of tasks and the settings that name it."""
    return " · ".join([config.method.title, f"{len(config.tasks)} tasks", *config.method.symbols()])


def status_badge(view: RunView) -> None:
    """Draw the status of a run."""
    label, icon, colour = BADGES[view.status]
    st.badge(label, icon=icon, color=colour)
