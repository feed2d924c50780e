"""Titles and status badges of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from otmf_core.runs.view import JobView

METHODS = {"otmf": "OTMF", "average": "Average", "task-arithmetic": "Task arithmetic"}
BADGES: dict[str, tuple[str, str, Literal["gray", "blue", "orange", "red", "green"]]] = {
    "queued": ("Queued", ":material/schedule:", "gray"),
    "running": ("Running", ":material/play_circle:", "blue"),
    "stopped": ("Paused", ":material/pause_circle:", "orange"),
    "interrupted": ("Interrupted", ":material/power_off:", "orange"),
    "failed": ("Failed", ":material/error:", "red"),
    "done": ("Done", ":material/check_circle:", "green"),
}
RESUMABLE = ("stopped", "interrupted", "failed")  # statuses


def title(config: Mapping[str, Any]) -> str:
    """A run's title: method, number of tasks and the number that weighs them."""
    parts = [METHODS[config["method"]], f"{len(config['tasks'])} tasks"]
    if config["method"] == "otmf":
        parts.append(f"α = {config['alpha']:g}")
    if config["method"] == "task-arithmetic":
        parts.append(f"λ = {config['scaling']:g}")
    return " · ".join(parts)


def status_badge(view: JobView) -> None:
    """Draw the status of a run."""
    label, icon, colour = BADGES[view.status]
    st.badge(label, icon=icon, color=colour)
