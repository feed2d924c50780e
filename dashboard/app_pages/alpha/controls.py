"""The row that runs a sweep: one button for what is missing, one to stop, and what the queue has done of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.runs.panel import POLL_SECONDS
from dashboard.state import queue
from dashboard.text import duration, sentence
from otmf_core.analysis.sweeps import Plan, at
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from otmf_core.runs.view import JobView, fraction_done


def sweep_row(config: MergeConfig, plan: Plan, stored: Mapping[str, Run]) -> None:
    """Draw the buttons and the progress of a sweep around `config` that stands as `plan` says; `stored` is by id."""
    missing = len(plan.submit) + len(plan.resume)
    turns = dict(queue().active())
    mine = {alpha: run for alpha, run in plan.active.items() if run in turns}
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Run {missing} merge{'s' * (missing != 1)}" if missing else "Nothing left to run"
        if st.button(label, type="primary", icon=":material/play_arrow:", key="sweep", disabled=not missing):
            _start(config, plan)
            st.rerun()
        kept = "Everything done so far is kept; run again to go on."
        if mine and st.button("Stop", icon=":material/stop:", key="stop-sweep", help=kept):
            for run in reversed(turns):  # those that wait first, or they would start
                if run in mine.values():
                    queue().stop(run)
            st.rerun()
        st.caption(_summary(plan, {run.id: run.record["seconds"] for run in stored.values() if run.record}))
    if mine:
        _progress(mine, len(plan.done))
    _failures(plan, stored)


def _summary(plan: Plan, seconds: Mapping[str, float]) -> str:
    """Where the sweep stands, and how long what is missing takes by its finished runs' `seconds` (by run)."""
    counts = {
        "done and reused": len(plan.done),
        "under way": len(plan.active),
        "to resume": len(plan.resume),
        "new": len(plan.submit),
    }
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    known = [seconds[run] for run in plan.done.values() if run in seconds]
    missing = len(plan.submit) + len(plan.resume)
    if known and missing:
        parts.append(f"about {duration(missing * sum(known) / len(known))} by the runs that are done")
    return " · ".join(parts)


def _start(config: MergeConfig, plan: Plan) -> None:
    """Queue what is missing and resume what is unfinished; tells of runs that do not resume."""
    runs = [queue().submit(at(config, alpha)) for alpha in plan.submit]
    st.session_state["swept"] = [*st.session_state.get("swept", []), *runs]
    for alpha, run in plan.resume.items():
        try:
            queue().resume(run)
        except InputError as error:
            st.toast(f"α = {alpha:g} did not resume. {sentence(str(error))}", icon=":material/error:")


@st.fragment(run_every=POLL_SECONDS)
def _progress(active: Mapping[float, str], done: int) -> None:
    """The moving part: how many runs are done and what runs now; draws the whole page again when one has ended."""
    turns: dict[str, Any] = dict(queue().active())
    if any(run not in turns for run in active.values()):
        st.rerun()
    total = done + len(active)
    view, alpha = next(
        ((queue().snapshot(run), alpha) for alpha, run in active.items() if turns[run] == "running"), (None, 0.0)
    )
    share = (done + (fraction_done(view) if view else 0.0)) / total
    st.progress(share, text=f"**{done} of {total} done** · {_now(view, alpha)}")


def _now(view: JobView | None, alpha: float) -> str:
    if view is None:
        return "waiting for another merge to end"
    left = "" if view.eta_seconds is None else f", about {duration(view.eta_seconds)} left"
    return f"α = {alpha:g} is merging: {fraction_done(view):.0%}{left}"


def _failures(plan: Plan, stored: Mapping[str, Run]) -> None:
    """Why runs of the sweep failed, in words."""
    lines = []
    for alpha, run in plan.resume.items():
        known = queue().snapshot(run) or stored.get(run)
        if known and known.status == "failed":
            lines.append(f"- α = {alpha:g}: {sentence(known.message) or 'no reason was recorded.'}")
    if lines:
        st.error("\n".join(lines), title="Some merges failed", icon=":material/error:")
