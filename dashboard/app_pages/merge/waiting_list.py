"""The other merges of the queue, below the form's Run button."""

from __future__ import annotations

import streamlit as st

from dashboard.runs.titles import status_badge, title
from dashboard.state import queue, show_run


def waiting(shown: str | None) -> None:
    """The other merges of the queue, each with a way to it."""
    others = [(run, status) for run, status in queue().active() if run != shown]
    for run, status in others:
        view = queue().snapshot(run)
        if view is None:
            continue
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(title(view.config), width="content")
            status_badge(view)
            st.space("stretch")
            if status == "running":
                if st.button("Watch", key=f"watch-{run}", icon=":material/visibility:"):
                    show_run("merge", run)
                    st.rerun()
            elif st.button("Remove", key=f"remove-{run}", icon=":material/close:"):
                queue().stop(run)
                st.rerun()
