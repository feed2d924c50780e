"""The queue in one line, on every page: what is being merged, its progress, how many wait, and the way there."""

from __future__ import annotations

import streamlit as st

from dashboard.runs.titles import title
from dashboard.state import queue
from dashboard.text import duration, letters
from otmf_core.runs.view import RunView, fraction_done

POLL_SECONDS = 3.0


@st.fragment(run_every=POLL_SECONDS)
def queue_line() -> None:
    """Draw the line, a link to the running merge; nothing while nothing is queued or running."""
    active = queue().active()
    if not active:
        return
    run, _ = active[0]
    view = queue().snapshot(run)
    if view is not None:
        st.page_link(
            "app_pages/merge/page.py",
            label=progress_text(view, len(active) - 1),
            icon=":material/autorenew:",
            query_params={"run": run},
            help="Open this merge and the queue behind it.",
        )


def progress_text(view: RunView, waiting: int) -> str:
    """The progress of a merge in words, and how many wait behind it."""
    parts = [f"Merging: **{fraction_done(view):.0%}**", letters(title(view.config))]
    if view.eta_seconds is not None:
        parts.append(f"about {duration(view.eta_seconds)} left")
    if waiting:
        parts.append(f"{waiting} waiting")
    return " · ".join(parts)
