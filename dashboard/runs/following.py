"""Drawing a page anew when the run that it shows has come further, in this process or in another one."""

from __future__ import annotations

import streamlit as st

from dashboard.state import queue, run_folder
from otmf_core.errors import InputError
from otmf_core.runs.folder import load_run
from otmf_core.runs.view import RunView

POLL_SECONDS = 2.0

Progress = tuple[str, int]  # the status, and how many rows of the accuracy matrix there are: one more than steps


def progress_of(view: RunView) -> Progress:
    """How far a run is as a page shows it."""
    return view.status, sum(row is not None for row in view.matrix)


@st.fragment(run_every=POLL_SECONDS)
def follow(run: str, drawn: Progress) -> None:
    """Draw the page anew when the run has ended another step, or altogether, or cannot be read any more."""
    try:
        now = _progress_now(run)
    except InputError:  # the page says why
        now = None
    if now != drawn:
        st.rerun()


def _progress_now(run: str) -> Progress:
    """How far a run is: as this process has it, else as its folder says; raises InputError when there is neither."""
    if view := queue().snapshot(run):
        return progress_of(view)
    stored = load_run(run_folder(run))
    return stored.status, len(stored.matrix)
