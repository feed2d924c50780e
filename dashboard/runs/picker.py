"""The run that a page of figures is about: the link's, else the one looked at last, else the newest with results."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.runs.loading import readable_runs, view_of
from dashboard.runs.stamp import stamp
from dashboard.runs.titles import BADGES, title
from dashboard.state import looked_at, queue, show_run
from dashboard.text import sentence
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from otmf_core.runs.view import JobView

POLL_SECONDS = 2.0


def choose_run(page: str, shows: Callable[[Run], bool], nothing: str) -> JobView:
    """Draw the run picker and the chosen run's labels and splits; returns its view, or ends the page with the reason.

    `shows` says of which runs this page has something to show; `nothing` is the sentence where there is none.
    """
    runs = [run for run in readable_runs()[0] if shows(run)]
    if not runs:
        st.subheader("Nothing to show yet", anchor=False)
        st.markdown(nothing)
        st.page_link("app_pages/merge/page.py", label="Start a merge", icon=":material/merge:")
        st.stop()
    labels = {run.id: _label(run) for run in runs}
    wanted = looked_at(page)
    if wanted not in labels:
        if st.query_params.get("run"):
            st.warning(f"There is nothing to show here of run {wanted}. This is another one.", icon=":material/info:")
        wanted = runs[0].id
    key = f"{page}-run-choice"
    st.session_state[key] = wanted
    st.selectbox(
        "Run", list(labels), format_func=labels.__getitem__, key=key, on_change=_choose, args=(page, key), width=520
    )
    show_run(page, wanted)
    try:
        view = view_of(wanted)
    except InputError as error:
        st.error(sentence(str(error)), title="This run cannot be shown")
        st.stop()
    stamp(view)
    if queue().snapshot(wanted) is not None and view.status in ("queued", "running"):
        _follow(wanted, _reached(view))
    return view


@st.fragment(run_every=POLL_SECONDS)
def _follow(run: str, seen: tuple[str, int]) -> None:
    """Draw the page anew when the run has ended another step, or altogether."""
    view = queue().snapshot(run)
    if view is None or _reached(view) != seen:
        st.rerun()


def _reached(view: JobView) -> tuple[str, int]:
    return view.status, sum(row is not None for row in view.matrix)


def _choose(page: str, key: str) -> None:
    show_run(page, st.session_state[key])


def _label(run: Run) -> str:
    parts = [title(run.config), BADGES[run.status][0].lower()]
    if run.record:
        parts.insert(1, f"ACC {run.record['acc']:.1f}%")
    created = datetime.fromisoformat(run.created).astimezone(ZoneInfo(st.context.timezone or "UTC"))
    if run.name:
        parts.insert(0, run.name)
    return " · ".join([*parts, f"{created.day} {created:%b, %H:%M}"])
