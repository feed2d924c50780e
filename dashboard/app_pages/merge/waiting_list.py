"""The other merges of the queue, above the run that the Merge page shows."""

from __future__ import annotations

import streamlit as st

from dashboard.runs.panel import PAUSE_HELP
from dashboard.runs.status import status_badge
from dashboard.runs.titles import title
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue, show_run
from dashboard.text import letters
from otmf_core.runs.view import fraction_done

POLL_SECONDS = 3.0


def waiting_list(shown: str | None) -> None:
    """Draw every queued or running merge but the run `shown`, each with a way to it or out of the queue."""
    for run, status in queue().active():
        view = queue().snapshot(run)
        if run == shown or view is None:
            continue
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(letters(title(view.config)), width="content")
            status_badge(view)
            if status == "running":
                _progress(run)
            st.space("stretch")
            if status == "running":
                if st.button("Pause", key=f"pause-{run}", icon=":material/pause:", help=PAUSE_HELP):
                    queue().stop(run)
                    st.rerun()
                if st.button("Watch", key=f"watch-{run}", icon=":material/visibility:"):
                    show_run("merge", run)
                    st.rerun()
            elif why_not_changed() is None and st.button("Remove", key=f"remove-{run}", icon=":material/close:"):
                queue().stop(run)
                st.rerun()


@st.fragment(run_every=POLL_SECONDS)
def _progress(run: str) -> None:
    """Draw how far a running merge is and on which device; draw the whole page again when it has ended."""
    view = queue().snapshot(run)
    if view is None or view.status != "running":
        st.rerun()
    parts = [f"{fraction_done(view):.0%}"] + [f"on {view.device}"] * bool(view.device)
    st.caption(letters(" · ".join(parts)), width="content")
