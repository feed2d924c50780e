"""The runs that came with the program, so that pages have something to show before the first merge.

They are looked at and no more: nothing is written beside them, and no table of the reader's own runs counts them.
"""

from __future__ import annotations

import streamlit as st

from dashboard.state import examples_folder, forget_run, is_example
from otmf_core import layout
from otmf_core.runs.folder import Run, list_runs

HIDDEN = "example_hidden"  # in the session's state


def example_runs() -> list[Run]:
    """The runs that came with the program, whole ones and figures alone; none once the reader has hidden them."""
    if st.session_state.get(HIDDEN):
        return []
    return [run for run in list_runs(examples_folder())[0] if is_example(run.id)]


def is_whole(run: Run) -> bool:
    """Whether the weights of a run are there, and not its figures alone, which a sweep is made of."""
    return (run.path / layout.MERGED).is_file()


def example_line(*runs: str) -> None:
    """Say of runs shown here, where any is an example, what cannot be done with it; with a button that hides it."""
    if not any(is_example(run) for run in runs):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("Example", icon=":material/inventory_2:", color="blue")
        st.caption("It came with the program: to be looked at, not renamed, resumed or deleted.", width="content")
        st.button("Hide", key="example-hide", type="tertiary", icon=":material/visibility_off:", on_click=_hide)


def way_back() -> None:
    """Draw the button that shows the example again, where it is hidden."""
    if st.session_state.get(HIDDEN):
        st.button(
            "Show the example", key="example-show", type="tertiary", icon=":material/inventory_2:", on_click=_show
        )


def _hide() -> None:
    for run in example_runs():
        forget_run(run.id)
    st.session_state[HIDDEN] = True
    st.query_params.pop("run", None)


def _show() -> None:
    st.session_state[HIDDEN] = False
