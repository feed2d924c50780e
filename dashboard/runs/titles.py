"""Titles of runs, and what their statuses are called; no streamlit, so that reports have them too."""

from __future__ import annotations

from typing import Literal

from otmf_core.config import MergeConfig

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


def description(config: MergeConfig) -> str:
    """A run's title, with the preset where it is not the default one."""
    return title(config) + (f" · {config.preset}" if config.preset != "default" else "")
