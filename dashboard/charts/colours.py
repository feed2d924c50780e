"""Colours: one per task and per method, everywhere; one per run compared; one per side of a fusion; one for means."""

from __future__ import annotations

from collections.abc import Sequence

from otmf_core.methods.table import METHODS

# Greedy max-min distance in OKLab among colours with a contrast of at least 2.2 on white and 2.6 on #0e1117, so that
# the first are the most distinct and all twenty read on light and on dark.
PALETTE = (
    "#2173b5", "#e66b08", "#299c4a", "#ce3a42", "#ef84ef", "#00b5ff", "#7f5a0a", "#a542ad", "#c5ad00", "#847bf7",
    "#00735a", "#a5738c", "#734a6b", "#9c7b00", "#ada5d6", "#529ca5", "#5a42bd", "#21c594", "#ff8c8c", "#e65a9c",
)  # fmt: skip
SHADES = ("#6a6ff0", "#e0862b", "#1f9d8f", "#d1495b", "#3d8fd1", "#a8842c", "#b05fc4", "#7d8597")  # of runs compared

# The pages' own colours, as in .streamlit/config.toml, by theme.
BACKGROUND = {"light": "#ffffff", "dark": "#12141c"}
GREY = {"light": "#696e7a", "dark": "#9a9da6"}  # of lesser text
# Text on the page or on a weak cell, and on a strong one.
INK = {"light": ("#1c2030", "#ffffff"), "dark": ("#e8eaf1", "#12141c")}
PRE = "#7d8597"
POST = "#6a6ff0"
MEAN = "#8a91a3"


def task_colours(canonical: Sequence[str]) -> dict[str, str]:
    """Task id → colour, by the task's position in its library's canonical order (from the 21st on, colours repeat)."""
    return {task: PALETTE[position % len(PALETTE)] for position, task in enumerate(canonical)}


def method_colour(method: str) -> str:
    """The colour of a method and of its joint form, by its place in the table (from the 21st on, colours repeat)."""
    own = list(dict.fromkeys(map(_base, METHODS)))
    return PALETTE[own.index(_base(method)) % len(PALETTE)]


def _base(method: str) -> str:
    """What a joint method is the joint form of, where that is a method too; else the method itself."""
    base = method.removesuffix("-joint")
    return base if base in METHODS else method


def shade(index: int) -> str:
    """The colour of the run at this index of a comparison (from the ninth on, colours repeat)."""
    return SHADES[index % len(SHADES)]
