"""The job on a library: its progress while it runs, what came of it once it has ended."""

from __future__ import annotations

from functools import partial
from typing import Literal

import streamlit as st

from dashboard.app_pages.library.dialogs import forget_typed
from dashboard.app_pages.library.jobs import library_jobs
from dashboard.app_pages.library.outcomes import show_outcome
from dashboard.sharing.rules import why_not_changed
from dashboard.text import duration, letters, sentence

POLL_SECONDS = 1.0
BADGES: dict[str, tuple[str, str, Literal["gray", "blue", "red", "green"]]] = {
    "running": ("Running", ":material/play_circle:", "blue"),
    "stopped": ("Stopped", ":material/stop_circle:", "gray"),
    "failed": ("Failed", ":material/error:", "red"),
    "done": ("Done", ":material/check_circle:", "green"),
}


def job_panel() -> None:
    """Draw the job that runs or was the last; nothing where there is none."""
    job = library_jobs().now()
    if job is None:
        _follow(None)
        return
    forget_typed(job)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{letters(job.title)}**", width="content")
            label, icon, colour = BADGES[job.status]
            st.badge(label, icon=icon, color=colour)
            st.space("stretch")
            locked = why_not_changed() is not None
            if job.status == "running":
                stop = library_jobs().stop
                st.button("Stop", icon=":material/stop:", key="library-stop", on_click=stop, disabled=locked)
            else:
                st.caption(duration(job.seconds), width="content")
                dismiss = partial(library_jobs().dismiss, job.number)
                st.button("Close", icon=":material/close:", key="library-dismiss", on_click=dismiss)
        if job.status == "failed":
            st.error(letters(sentence(job.message)), icon=":material/error:")
        elif job.status == "stopped":
            st.caption("What was unfinished is cleared away; what was done before stays.")
        elif job.status == "done":
            show_outcome(job.outcome)
        _follow((job.number, job.status))


@st.fragment(run_every=POLL_SECONDS)
def _follow(drawn: tuple[int, str] | None) -> None:
    """Draw the progress of a job, and the whole page once there is another job or it has ended, in any tab."""
    job = library_jobs().now()
    if (job and (job.number, job.status)) != drawn:
        st.rerun()
    if job and job.status == "running":
        st.progress(job.share, text=f"{letters(job.text)} · {duration(job.seconds)}")
