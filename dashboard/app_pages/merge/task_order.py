"""The ordered choice of tasks: suites and shuffles by one click, then add, remove, and move one by one."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import pandas as pd
import streamlit as st

from dashboard.charts.colours import task_colours
from dashboard.state import choose_tasks, chosen_tasks
from otmf_core.library.library import Library, order, shuffled

CANONICAL = "Canonical"
ORDERS = (CANONICAL, *range(42, 52))
ROWS = 8  # visible without scrolling


def task_order(library: Library) -> list[str]:
    """Draw the choice of tasks and their order; returns the task ids in merge order."""
    suites = list(library.suites)
    if "tasks" not in st.session_state or not set(chosen_tasks()) <= {task.id for task in library.tasks}:
        st.session_state["suite"] = suites[0] if suites else None
        st.session_state["order_seed"] = CANONICAL
        choose_tasks(order(library, suites[0]) if suites else [task.id for task in library.tasks])
    if st.session_state.get("suite") not in suites:
        st.session_state["suite"] = None
    with st.container(horizontal=True):
        if suites:
            st.segmented_control(
                "Suite",
                suites,
                key="suite",
                on_change=_pick,
                args=(library,),
                persist_state="session",
                help="The library's own suites. The field's are the first 8, 14 or 20 tasks of the canonical order.",
                width="content",
            )
        st.selectbox(
            "Order",
            ORDERS,
            key="order_seed",
            format_func=lambda seed: seed if seed == CANONICAL else f"Seed {seed}",
            on_change=_pick,
            args=(library,),
            persist_state="session",
            placeholder="By hand",
            help="The field reports ten orders: the canonical one shuffled with the seeds 42 to 51.",
        )
    tasks = chosen_tasks()
    _table(library, tasks)
    left = [task.id for task in library.tasks if task.id not in tasks]
    st.selectbox(
        "Add a task",
        left,
        index=None,
        key="task_to_add",
        format_func=lambda task: library.task(task).name,
        on_change=_add,
        placeholder="Add a task" if left else "All tasks are in",
        disabled=not left,
        label_visibility="collapsed",
    )
    return tasks


def _table(library: Library, tasks: list[str]) -> None:
    colours = task_colours([task.id for task in library.tasks])
    last = len(tasks) - 1
    frame = pd.DataFrame(
        {
            "colour": [_swatch(colours[task]) for task in tasks],
            "place": range(1, len(tasks) + 1),
            "task": [library.task(task).name for task in tasks],
            "up": ["" if place == 0 else ":material/arrow_upward:" for place in range(len(tasks))],
            "down": ["" if place == last else ":material/arrow_downward:" for place in range(len(tasks))],
            "remove": [":material/close:"] * len(tasks),
        }
    )
    column = st.column_config
    st.dataframe(
        frame,
        key="task_table",
        hide_index=True,
        height=36 + 30 * min(max(len(tasks), 1), ROWS) + 2,
        row_height=30,
        alt="Tasks in merge order",
        column_config={
            "colour": column.ImageColumn("", width=26),
            "place": column.NumberColumn("#", width=30),
            "task": column.TextColumn("Task", width=130),
            "up": _action("move_up", _move, -1),
            "down": _action("move_down", _move, 1),
            "remove": _action("remove", _remove),
        },
    )


def _action(key: str, callback, *args):
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


def _pick(library: Library) -> None:
    """A suite or an order was picked: replace the list; without a suite, the order is that of the tasks chosen."""
    picked = st.session_state["order_seed"]
    seed = None if picked in (None, CANONICAL) else picked
    if st.session_state["suite"]:
        choose_tasks(order(library, st.session_state["suite"], seed))
    else:
        tasks = [task.id for task in library.tasks if task.id in chosen_tasks()]
        choose_tasks(shuffled(tasks, seed))


def choose_by_hand(tasks: Sequence[str]) -> None:
    """Put these tasks in this order into the form: no suite, and none of the orders to choose from."""
    choose_tasks(tasks)
    st.session_state["suite"] = st.session_state["order_seed"] = None


def _move(row: int, by: int) -> None:
    tasks = chosen_tasks().copy()
    tasks.insert(row + by, tasks.pop(row))
    choose_by_hand(tasks)


def _remove(row: int) -> None:
    choose_by_hand([task for place, task in enumerate(chosen_tasks()) if place != row])


def _add() -> None:
    task = st.session_state["task_to_add"]
    if task:
        choose_by_hand([*chosen_tasks(), task])
        st.session_state["task_to_add"] = None
