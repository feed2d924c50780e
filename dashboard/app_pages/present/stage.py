"""The stage: a component that covers the page, draws one slide at a time and replays all of them by one clock.

It is inline and fetches nothing. Keys and the scrub bar move it without the server; it keeps the address bar at what is
shown, so that a view is a link, and tells the page only that the speaker has left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamlit.components.v2 import component

from dashboard.app_pages.present.link import SPEEDS
from dashboard.charts.colours import BACKGROUND, GREY, INK, PALETTE, POST, PRE
from dashboard.charts.look import GRID_LINES
from dashboard.charts.matrix import EMPTY_CELL, SCALES

HERE = Path(__file__).parent
SCRIPTS = ("draw.js", "curves.js", "grids.js", "figures.js", "stage.js")  # the last one uses what the others define

# From a shrunk task vector over an untouched one to an amplified one.
AROUND_ONE = {"light": ("#0b4f8a", "#f1f2f6", "#a84300"), "dark": ("#7cc4ff", "#232737", "#ffb56b")}

_stage = component(
    "otmf_stage",
    html="<dialog tabindex='-1'></dialog>",
    css=(HERE / "stage.css").read_text(encoding="utf-8"),
    js="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
)


def stage(
    run: str, steps: int, tasks: Sequence[Mapping[str, str]], slides: Sequence[Mapping[str, Any]], theme: str, view: Any
) -> bool:
    """Draw the slides of a run, beginning at `view` (see `linked_view`); return whether the speaker has just left.

    `tasks` have a name and a colour each, in merge order; `theme` is light or dark.
    """
    colours = {
        "background": BACKGROUND[theme],
        "ink": INK[theme][0],
        "onStrong": INK[theme][1],
        "grey": GREY[theme],
        "line": GRID_LINES[theme],
        "empty": EMPTY_CELL[theme],
        "pre": PRE,
        "post": POST,
        "scale": [colour for _, colour in SCALES[theme]],
        "stops": [stop for stop, _ in SCALES[theme]],
        "aroundOne": list(AROUND_ONE[theme]),
    }
    data = {"run": run, "steps": steps, "tasks": list(tasks), "slides": list(slides), "view": view, "speeds": SPEEDS}
    data |= {"colours": colours, "palette": PALETTE}
    return bool(_stage(key="stage", data=data, on_left_change=lambda: None).left)
