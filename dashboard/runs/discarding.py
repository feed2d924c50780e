"""The dialog that ends a merge for good."""

from __future__ import annotations

import streamlit as st

from dashboard.runs.titles import title
from dashboard.state import queue
from dashboard.text import letters
from otmf_core.runs.view import RunView


@st.dialog("Stop and discard this merge?")
def confirm_discarding(view: RunView) -> None:
    """Ask whether to end the running merge of `view` for good, and do so."""
    st.text(title(view.config))
    st.caption(letters(view.run))
    merged = sum(row is not None for row in view.matrix[1:])
    st.markdown(
        f"It stops, and everything it has done ({merged} of {len(view.tasks)} tasks merged) is deleted for good. "
        "Pause keeps it instead. Other runs stay as they are."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        kept = st.button("Go on merging", key="discard-not")
        discarded = st.button(
            "Stop and discard",
            type="primary",
            key="discard-now",
            icon=":material/delete:",
            on_click=queue().discard,
            args=(view.run,),
        )
    if kept or discarded:
        st.rerun()
