"""The row that runs a sweep: one button for what is missing, one to stop, and what the queue has done of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.runs.panel import POLL_SECONDS
from dashboard.state import queue
from dashboard.text import duration, plural, sentence
from otmf_core.analysis.sweeps import Plan, at
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from otmf_core.runs.view import JobView, fraction_done


def sweep_row(config: MergeConfig, plan: Plan, stored: Mapping[str, Run]) -> None:
    """Draw the buttons and the progress of a sweep around `config` that stands as `plan` says; `stored` is by id."""
    missing = len(plan.submit) + len(plan.resume)
    status_by_run = dict(queue().active())
    active = {alpha: run for alpha, run in plan.active.items() if run in status_by_run}
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Run {plural(missing, 'merge')}" if missing else "Nothing left to run"
        if st.button(label, type="primary", icon=":material/play_arrow:", key="sweep", disabled=not missing):
            _start(config, plan)
            st.rerun()
        about = "Everything done so far is kept; run again to go on."
        if active and st.button("Stop", icon=":material/stop:", key="stop-sweep", help=about):
            for run in reversed(status_by_run):  # those that wait first, or they would start
                if run in active.values():
                    queue().stop(run)
            st.rerun()
        st.caption(_summary(plan, {run.id: run.record["seconds"] for run in stored.values() if run.record}))
    if active:
        _progress(active, len(plan.done))
    _failures(plan, stored)


def _summary(plan: Plan, seconds: Mapping[str, float]) -> str:
    """The state of the sweep in words, and how long what is missing takes by its finished runs' `seconds` (by run)."""
    counts = {
        "done and reused": len(plan.done),
        "under way": len(plan.active),
        "to resume": len(plan.resume),
        "new": len(plan.submit),
    }
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    durations = [seconds[run] for run in plan.done.values() if run in seconds]
    missing = len(plan.submit) + len(plan.resume)
    if durations and missing:
        parts.append(f"about {duration(missing * sum(durations) / len(durations))} by the runs that are done")
    return " · ".join(parts)


def _start(config: MergeConfig, plan: Plan) -> None:
    """Queue what is missing and resume what is unfinished; say which runs do not resume."""
    runs = [queue().submit(at(config, alpha)) for alpha in plan.submit]
    st.session_state["swept"] = [*st.session_state.get("swept", []), *runs]
    for alpha, run in plan.resume.items():
        try:
            queue().resume(run)
        except InputError as error:
            st.toast(f"α = {alpha:g} did not resume. {sentence(str(error))}", icon=":material/error:")


@st.fragment(run_every=POLL_SECONDS)
def _progress(active: Mapping[float, str], done: int) -> None:
    """Draw how many runs are done and what runs now; draw the whole page again when one has ended."""
    status_by_run: dict[str, Any] = dict(queue().active())
    if any(run not in status_by_run for run in active.values()):
        st.rerun()
    total = done + len(active)
    view, alpha = next(
        ((queue().snapshot(run), alpha) for alpha, run in active.items() if status_by_run[run] == "running"),
        (None, 0.0),
    )
    share = (done + (fraction_done(view) if view else 0.0)) / total
    st.progress(share, text=f"**{done} of {total} done** · {_current_merge(view, alpha)}")


def _current_merge(view: JobView | None, alpha: float) -> str:
    if view is None:
        return "waiting for another merge to end"
    left = "" if view.eta_seconds is None else f", about {duration(view.eta_seconds)} left"
    return f"α = {alpha:g} is merging: {fraction_done(view):.0%}{left}"


def _failures(plan: Plan, stored: Mapping[str, Run]) -> None:
    """Say why runs of the sweep failed."""
    lines = []
    for alpha, run in plan.resume.items():
        state = queue().snapshot(run) or stored.get(run)
        if state and state.status == "failed":
            lines.append(f"- α = {alpha:g}: {sentence(state.message) or 'no reason was recorded.'}")
    if lines:
        st.error("\n".join(lines), title="Some merges failed", icon=":material/error:")
