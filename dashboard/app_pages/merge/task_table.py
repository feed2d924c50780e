"""The table of the chosen tasks in merge order, with buttons that move and remove them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from dashboard.charts.colours import task_colours
from dashboard.merge_choices import choose_by_hand, chosen_tasks
from otmf_core.library.library import Library

VISIBLE_ROWS = 8  # without scrolling


def order_table(library: Library, tasks: Sequence[str]) -> None:
    """Draw the tasks of `library` in merge order, each with its colour and buttons."""
    colours = task_colours([task.id for task in library.tasks])
    last = len(tasks) - 1
    frame = pd.DataFrame(
        {
            "colour": [_swatch(colours[task]) for task in tasks],
            "position": range(1, len(tasks) + 1),
            "task": [library.task(task).name for task in tasks],
            "up": ["" if row == 0 else ":material/arrow_upward:" for row in range(len(tasks))],
            "down": ["" if row == last else ":material/arrow_downward:" for row in range(len(tasks))],
            "remove": [":material/close:"] * len(tasks),
        }
    )
    column = st.column_config
    st.dataframe(
        frame,
        key="task_table",
        hide_index=True,
        height=36 + 30 * min(max(len(tasks), 1), VISIBLE_ROWS) + 2,
        row_height=30,
        alt="Tasks in merge order",
        column_config={
            "colour": column.ImageColumn("", width=26),
            "position": column.NumberColumn("#", width=30),
            "task": column.TextColumn("Task", width=130),
            "up": _action("move_up", _move, -1),
            "down": _action("move_down", _move, 1),
            "remove": _action("remove", _remove),
        },
    )


def _action(key: str, callback: Callable[..., None], *args: int) -> Any:
    """A column of buttons that call `callback` with their row and `args`."""

    def clicked() -> None:
        click = st.session_state[key]
        if click and click["label"]:
            callback(click["row"], *args)

    return st.column_config.ButtonColumn("", width=30, type="tertiary", key=key, on_click=clicked)


def _swatch(colour: str) -> str:
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'>"
        f"<circle cx='12' cy='12' r='7' fill='{colour}'/></svg>"
    )
    return f"data:image/svg+xml;utf8,{quote(svg)}"


def _move(row: int, by: int) -> None:
    tasks = chosen_tasks().copy()
    tasks.insert(row + by, tasks.pop(row))
    choose_by_hand(tasks)


def _remove(row: int) -> None:
    choose_by_hand([task for index, task in enumerate(chosen_tasks()) if index != row])
