"""One run on a page: live while the background thread merges it, still once it has ended; with its buttons."""

from __future__ import annotations

import streamlit as st

from dashboard.engine.memory import memory_line
from dashboard.runs.accuracy_charts import accuracy_charts
from dashboard.runs.changes import take_over_from
from dashboard.runs.discarding import confirm_discarding
from dashboard.runs.example import example_line
from dashboard.runs.following import follow, progress_of
from dashboard.runs.fusion_charts import fusion_charts
from dashboard.runs.metrics import main_metrics
from dashboard.runs.presenting import present_link
from dashboard.runs.stamp import stamp
from dashboard.runs.status import status_badge
from dashboard.runs.titles import RESUMABLE, title
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue, run_folder, runs_folder, show_run
from dashboard.text import duration, letters, reason, sentence
from dashboard.ui.deferred import defer
from otmf_core.errors import InputError
from otmf_core.files import inside
from otmf_core.runs.folder import check_resumable, load_run
from otmf_core.runs.lock import Holder, owner
from otmf_core.runs.view import RunView, fraction_done, iterating_steps

POLL_SECONDS, REDRAW_SECONDS = 1.0, 4.0
STOPPING = {"Stopping": "Pausing", "Discarding": "Stopping and discarding"}  # by the phase of a merge
PAUSE_HELP = (
    "Ends the work on this merge and keeps everything done so far; the queue goes on with the next. "
    "Resume continues where it was, also after a restart of the program."
)


def run_panel(view: RunView, page: str) -> None:
    """Draw a run with the buttons that its status allows; `page` begins the keys of what is drawn."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(letters(title(view.config)), width="content", anchor=False)
        status_badge(view)
        st.space("stretch")
        _buttons(view, page)
    stamp(view)
    example_line(view.run)
    live = view.status in ("queued", "running") and queue().snapshot(view.run) is not None
    begun = any(row is not None for row in view.matrix)
    if live:
        _live(view.run, view.status)
    else:
        _why_not_done(view)
        if begun:
            main_metrics(view)

    def accuracy() -> None:
        if live:
            _live_accuracy(view, page)
        elif begun:
            accuracy_charts(view, page)

    def rest() -> None:
        (_live_fusions if live else fusion_charts)(view, page)
        with st.expander("Settings", icon=":material/tune:"):
            st.json(view.config.flat())

    if page == "merge":  # elsewhere the charts lie below the first screen
        accuracy()
        defer(rest)
    else:
        defer(lambda: (accuracy(), rest()))


@st.fragment(run_every=POLL_SECONDS)
def _live(run: str, status: str) -> None:
    """Draw the progress of a run every second, and the whole page when its status changes."""
    view = queue().snapshot(run)
    if view is None or view.status != status:
        st.rerun()
    _progress_bars(view)
    if status == "running":
        st.caption(letters(memory_line(view.device)))
    main_metrics(view)


@st.fragment(run_every=REDRAW_SECONDS)
def _live_accuracy(view: RunView, page: str) -> None:
    """Draw the charts of a run under way, less often: the merge shares the processor with the browser that draws."""
    accuracy_charts(queue().snapshot(view.run) or view, page)


@st.fragment(run_every=REDRAW_SECONDS)
def _live_fusions(view: RunView, page: str) -> None:
    fusion_charts(queue().snapshot(view.run) or view, page)


def _progress_bars(view: RunView) -> None:
    """Draw the progress of the merge, with time spent and left, and that of the current fusion."""
    overall, fusion = st.columns([3, 2])
    left = "" if view.eta_seconds is None else f" · about {duration(view.eta_seconds)} left"
    done = fraction_done(view)
    overall.progress(done, text=f"**{done:.0%}** · {duration(view.elapsed)}{left}")
    fusion.progress(view.iteration / view.iterations if view.iterations else 0.0, text=_phase_text(view))


def _phase_text(view: RunView) -> str:
    steps = iterating_steps(view)
    between_fusions = view.step not in steps or (not view.iteration and view.matrix[view.step] is not None)
    if view.phase in STOPPING:
        return STOPPING[view.phase]
    if view.row:
        model = f"after task {view.step}" if view.step else "the pre-trained model"
        return f"Evaluating {model} · tasks done: {sum(value is not None for value in view.row)}"
    if between_fusions:
        return letters(view.phase)
    return f"Fusion {steps.index(view.step) + 1} of {len(steps)} · iteration {view.iteration} of {view.iterations}"


def _buttons(view: RunView, page: str) -> None:
    if view.status == "done":
        present_link(view.run)
    if why_not_changed():
        return
    active = dict(queue().active())
    if view.run in active:
        waiting = active[view.run] == "queued"
        label, icon = ("Remove from queue", ":material/close:") if waiting else ("Pause", ":material/pause:")
        if st.button(label, icon=icon, key=f"{page}-stop", help=None if waiting else PAUSE_HELP):
            queue().stop(view.run)
            if waiting and not view.step:
                show_run(page, None)
            st.rerun()
        if not waiting and st.button(
            "Stop and discard",
            icon=":material/delete:",
            key=f"{page}-discard",
            disabled=view.phase == "Discarding",
            help="Ends this merge for good and deletes what it has done. Asked once.",
        ):
            confirm_discarding(view)
    elif view.status in RESUMABLE and st.button(
        "Resume",
        icon=":material/play_arrow:",
        type="primary",
        key=f"{page}-resume",
        disabled=bool(_why_not_resumable(view.run)),
    ):
        try:
            queue().resume(view.run)
        except InputError as error:
            st.error(reason(error), title="The run did not resume")
        else:
            st.rerun()


def _why_not_resumable(run: str) -> str:
    """Why an unfinished run cannot go on here, as Markdown; empty where it can, or where its merge never began."""
    try:
        stored = load_run(run_folder(run))
    except InputError:
        return ""
    try:
        check_resumable(stored)
    except InputError as error:
        return reason(error)
    return ""


def _why_not_done(view: RunView) -> None:
    """Say why a run that is not done is not done; follow one that another process merges."""
    why = _why_not_resumable(view.run) if view.status in RESUMABLE else ""
    if why:
        st.info(why, icon=":material/folder_zip:")
    if view.status == "failed":
        st.error(
            letters(sentence(view.message)) or "No reason was recorded.",
            title="The merge failed",
            icon=":material/error:",
        )
    elif view.status == "interrupted" and not why:
        st.warning("The program ended while this run was merging. Resume continues where it was last saved.")
    elif view.status == "stopped" and not why:
        st.caption("Everything done so far is kept in its run folder. Resume continues from there, whenever you like.")
    elif view.status in ("queued", "running"):
        done = fraction_done(view)
        st.progress(done, text=f"**{done:.0%}** · {view.step} of {len(view.tasks)} tasks merged")
        _holder(view.run)
        follow(view.run, progress_of(view))


def _holder(run: str) -> None:
    """Say which process merges a run that is not in this queue; offer to take over from one that may be gone."""
    holder = owner(inside(runs_folder(), run)) or Holder(None)
    who = f"A process of {letters(holder.host)}" if holder.host else "Another process"
    if holder.sure:
        st.caption(f"{who} is merging this run. Every step that it ends appears here.")
        return
    st.warning(f"{who} claims this run, and from here it cannot be known whether it still works on it.")
    if why_not_changed():
        return
    with st.popover("Take over", icon=":material/swap_horiz:"):
        st.markdown("Only if that process surely does not run any more: two at once would write one run and spoil it.")
        if st.button("It does not: resume here", key=f"take-over-{run}", icon=":material/play_arrow:"):
            try:
                take_over_from(run)
            except InputError as error:
                st.error(reason(error), title="The run was not taken over")
            else:
                st.rerun()
