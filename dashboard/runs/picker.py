"""The picker of the run that a page is about: the link's, else the one looked at last, else the newest with results.

Before there is one of the reader's own, an example stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.library.labels import library_labels
from dashboard.runs.example import example_line, example_runs, is_whole, way_back
from dashboard.runs.following import follow, progress_of
from dashboard.runs.loading import readable_runs, view_of
from dashboard.runs.stamp import stamp
from dashboard.runs.titles import BADGES, title
from dashboard.state import current_run, is_example, show_run
from dashboard.text import from_link, reason
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from otmf_core.runs.view import RunView


def choose_run(page: str, is_active: Callable[[Run], bool], nothing: str) -> RunView:
    """Draw the run picker and the run's stamp; return its view, or end the page with the reason.

    `is_active` says whether a page has anything to show of a run; `nothing` is the sentence where it has of none.
    """
    selected = current_run(page)
    runs = [run for run in readable_runs()[0] if is_active(run)]
    examples = [run for run in example_runs() if is_active(run)]
    if not runs or selected in [run.id for run in examples]:
        runs += [run for run in examples if is_whole(run) or run.id == selected]
    if not runs:
        st.subheader("Nothing to show yet", anchor=False)
        st.markdown(nothing)
        with st.container(horizontal=True):
            st.page_link("app_pages/merge/page.py", label="Start a merge", icon=":material/merge:")
            way_back()
        st.stop()
    several = len({run.config.library for run in runs}) > 1
    labels = {run.id: _label(run, several) for run in runs}
    if selected not in labels:
        if linked := st.query_params.get("run"):
            st.warning(
                f"There is nothing to show here of run {from_link(linked)}. This is another one.",
                icon=":material/info:",
            )
        selected = runs[0].id
    key = f"{page}-run-choice"
    st.session_state[key] = selected
    st.selectbox(
        "Run",
        list(labels),
        format_func=labels.__getitem__,
        key=key,
        on_change=lambda: show_run(page, st.session_state[key]),
        width=520,
    )
    show_run(page, selected)
    try:
        view = view_of(selected)
    except InputError as error:
        st.error(reason(error), title="This run cannot be shown")
        st.stop()
    stamp(view)
    example_line(selected)
    if view.status in ("queued", "running"):
        follow(selected, progress_of(view))
    return view


def _label(run: Run, with_library: bool) -> str:
    parts = [title(run.config), BADGES[run.status][0].lower()]
    if with_library:
        parts.insert(0, library_labels(run.config).name)
    if run.record:
        parts.insert(-1, f"ACC {run.record.acc:.1f}%")
    if is_example(run.id):
        return " · ".join(["Example", *parts])
    created = datetime.fromisoformat(run.created).astimezone(ZoneInfo(st.context.timezone or "UTC"))
    if run.name:
        parts.insert(0, run.name)
    return " · ".join([*parts, f"{created.day} {created:%b, %H:%M}"])
