"""The ordered choice of tasks: suites and shuffles by one click, then tasks added one by one."""

from __future__ import annotations

import streamlit as st

from dashboard.app_pages.merge.task_table import order_table
from dashboard.merge_choices import choose_by_hand, choose_tasks, chosen_tasks
from dashboard.text import letters
from otmf_core.library.library import Library
from otmf_core.library.orders import order, shuffled

CANONICAL = "Canonical"
ORDERS = (CANONICAL, *range(42, 52))


def task_order(library: Library) -> list[str]:
    """Draw the choice of tasks and their order; return the task ids in merge order."""
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
                format_func=letters,
                on_change=_replace_tasks,
                args=(library,),
                persist_state="session",
                help="The library's own suites."
                if library.of_texts
                else "The library's own suites. The field's are the first 8, 14 or 20 tasks of the canonical order.",
                width="content",
            )
        st.selectbox(
            "Order",
            ORDERS,
            key="order_seed",
            format_func=lambda seed: seed if seed == CANONICAL else f"Seed {seed}",
            on_change=_replace_tasks,
            args=(library,),
            persist_state="session",
            placeholder="By hand",
            help="The field reports ten orders: the canonical one shuffled with the seeds 42 to 51.",
        )
    tasks = chosen_tasks()
    order_table(library, tasks)
    others = [task.id for task in library.tasks if task.id not in tasks]
    st.selectbox(
        "Add a task",
        others,
        index=None,
        key="task_to_add",
        format_func=lambda task: library.task(task).name,
        on_change=_add,
        placeholder="Add a task" if others else "All tasks are in",
        disabled=not others,
        label_visibility="collapsed",
    )
    return tasks


def _replace_tasks(library: Library) -> None:
    """Replace the tasks by the suite picked, in the order picked; without a suite, put the tasks there are in order."""
    order_seed = st.session_state["order_seed"]
    seed = None if order_seed in (None, CANONICAL) else order_seed
    if st.session_state["suite"]:
        choose_tasks(order(library, st.session_state["suite"], seed))
    else:
        tasks = [task.id for task in library.tasks if task.id in chosen_tasks()]
        choose_tasks(shuffled(tasks, seed))


def _add() -> None:
    task = st.session_state["task_to_add"]
    if task:
        choose_by_hand([*chosen_tasks(), task])
        st.session_state["task_to_add"] = None
