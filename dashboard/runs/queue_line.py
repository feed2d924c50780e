"""The queue in one line, on every page: what is being merged, its progress, how many more, and the way there."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.runs.titles import title
from dashboard.state import queue
from dashboard.text import duration, letters
from otmf_core.runs.view import RunView, fraction_done

POLL_SECONDS = 3.0


@st.fragment(run_every=POLL_SECONDS)
def queue_line() -> None:
    """Draw the line, a link to the first running merge; nothing while nothing is queued or running."""
    active = queue().active()
    if not active:
        return
    run, _ = active[0]
    view = queue().snapshot(run)
    if view is not None:
        st.page_link(
            "app_pages/merge/page.py",
            label=progress_text(view, *others_of(active)),
            icon=":material/autorenew:",
            query_params={"run": run},
            help="Open this merge and the queue behind it.",
        )


def others_of(active: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """How many merges run beside the first of a queue, and how many wait."""
    running = sum(status == "running" for _, status in active[1:])
    return running, len(active) - 1 - running


def progress_text(view: RunView, beside: int, waiting: int) -> str:
    """The progress of a merge in words, how many more run on other devices, and how many wait."""
    parts = [f"Merging: **{fraction_done(view):.0%}**", letters(title(view.config))]
    if view.eta_seconds is not None:
        parts.append(f"about {duration(view.eta_seconds)} left")
    if beside:
        parts.append(f"{beside} more merging")
    if waiting:
        parts.append(f"{waiting} waiting")
    return " · ".join(parts)
