"""One run on a page: live while the background thread merges it, still once it has ended; with its controls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard.engine.memory import in_use
from dashboard.runs.fusion_charts import fusion_figures
from dashboard.runs.widgets import RESUMABLE, accuracy_figures, measures, progress, sentence, stamp, status_badge, title
from dashboard.state import queue, runs_folder, show_run
from dashboard.ui.deferred import later
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, inside, mark
from otmf_core.runs.folder import Run, list_runs, load_run
from otmf_core.runs.view import JobView, stored_view

POLL_SECONDS, REDRAW_SECONDS = 1.0, 4.0
PAUSE = (
    "Ends the work on this merge and keeps everything done so far; the queue goes on with the next. "
    "Resume continues where it was, also after a restart of the program."
)


def view_of(run: str) -> JobView:
    """The job of this process, or what its run folder holds; raises InputError when there is neither."""
    known = queue().snapshot(run)
    if known:
        return known
    stored = _checked(load_run(inside(runs_folder(), run)))
    files = [stored.path / "record.json", stored.path / "config.json", *stored.path.glob("steps/*/curves.parquet")]
    if stored.status != "done":
        return stored_view(stored)
    return _done_view(tuple((str(file), mark(file)) for file in sorted(files)), stored)


@st.cache_resource(max_entries=32, show_spinner=False)
def _done_view(files: tuple[tuple[str, Mark], ...], _run: Run) -> JobView:
    """The view of a finished run, read again when one of its files has changed; nobody changes a view."""
    return stored_view(_run)


def readable_runs() -> tuple[list[Run], list[str]]:
    """The run folders that this version can show, newest first, and a sentence for each that it cannot.

    A run in this process's queue has its status there, which a folder follows with a delay.
    """
    runs, problems = list_runs(runs_folder())
    active: dict[str, Any] = dict(queue().active())
    readable = []
    for run in runs:
        try:
            readable.append(replace(_checked(run), status=active.get(run.id, run.status)))
        except InputError as error:
            problems.append(str(error))
    return readable, problems


def _checked(run: Run) -> Run:
    """The run, if this version knows its configuration; raises InputError otherwise."""
    try:
        MergeConfig.parse(run.config)
    except (InputError, TypeError) as error:
        raise InputError(f"a run needs a configuration this version knows: {run.path} ({error})") from error
    return run


def run_view(view: JobView, place: str) -> None:
    """Draw a run with the buttons that its status allows; `place` is the page's name."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(title(view.config), width="content", anchor=False)
        status_badge(view)
        st.space("stretch")
        _controls(view, place)
    stamp(view)
    live = view.status in ("queued", "running") and queue().snapshot(view.run) is not None
    begun = any(row is not None for row in view.matrix)
    if live:
        _live(view.run, view.status)
    else:
        _ended(view)
        if begun:
            measures(view)

    def accuracy() -> None:
        if live:
            _live_accuracy(view, place)
        elif begun:
            accuracy_figures(view, place)

    def rest() -> None:
        (_live_fusions if live else fusion_figures)(view, place)
        with st.expander("Settings", icon=":material/tune:"):
            st.json(dict(view.config))

    if place == "merge":  # elsewhere the figures lie below the first screen
        accuracy()
        later(rest)
    else:
        later(lambda: (accuracy(), rest()))


@st.fragment(run_every=POLL_SECONDS)
def _live(run: str, status: str) -> None:
    """How far a run is: drawn anew every second, and the whole page when the status changes."""
    view = queue().snapshot(run)
    if view is None or view.status != status:
        st.rerun()
    progress(view)
    if status == "running":
        st.caption(in_use(view.device))
    measures(view)


@st.fragment(run_every=REDRAW_SECONDS)
def _live_accuracy(view: JobView, place: str) -> None:
    """The figures of a run under way, drawn less often: the merge shares the machine with the browser that draws."""
    accuracy_figures(queue().snapshot(view.run) or view, place)


@st.fragment(run_every=REDRAW_SECONDS)
def _live_fusions(view: JobView, place: str) -> None:
    fusion_figures(queue().snapshot(view.run) or view, place)


def _controls(view: JobView, place: str) -> None:
    active = dict(queue().active())
    if view.run in active:
        waiting = active[view.run] == "queued"
        label, icon = ("Remove from queue", ":material/close:") if waiting else ("Pause", ":material/pause:")
        kept = None if waiting else PAUSE
        if st.button(label, icon=icon, key=f"{place}-stop", help=kept):
            queue().stop(view.run)
            if waiting and not view.step:
                show_run(place, None)
            st.rerun()
    elif view.status in RESUMABLE and st.button(
        "Resume", icon=":material/play_arrow:", type="primary", key=f"{place}-resume"
    ):
        try:
            queue().resume(view.run)
        except InputError as error:
            st.error(sentence(str(error)), title="The run did not resume")
        else:
            st.rerun()


def _ended(view: JobView) -> None:
    """Why a run that is not done is not done, in words."""
    if view.status == "failed":
        st.error(sentence(view.message) or "No reason was recorded.", title="The merge failed", icon=":material/error:")
    elif view.status == "interrupted":
        st.warning("The program ended while this run was merging. Resume continues where it was last saved.")
    elif view.status == "stopped":
        st.caption("Everything done so far is kept in its run folder. Resume continues from there, whenever you like.")
    elif view.status in ("queued", "running"):
        st.info("Another process is merging this run; reload the page to see how far it is.")


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
