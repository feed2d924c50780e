"""The choice of a task, and what a link says of an example of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

LINKED = ("image", "text")  # parts of a link that name an example of a task by its number


def choose_task(tasks: Sequence[str], names: Mapping[str, str], noun: str) -> str:
    """Draw the choice among a run's tasks; return the id of the one selected (the link's, else the first).

    `noun` is what a task's classes are called.
    """
    linked = st.query_params.get("task")
    if linked and linked not in tasks:
        forget_example()  # it was of a task that only another run has
    st.session_state["try_task"] = linked if linked in tasks else tasks[0]

    def put_in_link() -> None:
        st.query_params["task"] = st.session_state["try_task"]
        forget_example()

    return st.selectbox(
        "Task",
        tasks,
        format_func=names.__getitem__,
        key="try_task",
        on_change=put_in_link,
        help=f"Whose {noun} the models choose among, and whose fine-tuned model is asked.",
    )


def linked_example(part: str, count: int) -> int | None:
    """The number of the example that the link names by `part`, if there is one of `count`."""
    linked = st.query_params.get(part, "")
    return int(linked) if linked.isdecimal() and len(linked) < 10 and int(linked) < count else None


def forget_example() -> None:
    """Remove the example from the link: it is not of the task or the draw just chosen."""
    for part in LINKED:
        st.query_params.pop(part, None)
