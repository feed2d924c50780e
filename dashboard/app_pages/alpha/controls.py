"""The row that runs a sweep: one button for what is missing, one to stop, and what the queue has done of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.runs.panel import POLL_SECONDS
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue
from dashboard.text import duration, letters, plural, reason, sentence
from otmf_core.analysis.sweeps import SweepStatus, at
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from otmf_core.runs.view import RunView, fraction_done

HERE, CLUSTER = "This machine", "Ray cluster"


def sweep_row(config: MergeConfig, status: SweepStatus, stored: Mapping[str, Run]) -> None:
    """Draw the buttons and the progress of a sweep around `config` that stands as `status` says; `stored` is by id."""
    missing = len(status.missing) + len(status.resume)
    status_by_run = dict(queue().active())
    active = {value: run for value, run in status.active.items() if run in status_by_run}
    with st.container(horizontal=True, vertical_alignment="center"):
        on_cluster = _choose_place()
        label = f"Run {plural(missing, 'merge')}" if missing else "Nothing left to run"
        locked = why_not_changed()
        off = not missing or locked is not None
        if st.button(label, type="primary", icon=":material/play_arrow:", key="sweep", disabled=off, help=locked):
            _start(config, status, on_cluster)
            st.rerun()
        about = "Everything done so far is kept; run again to go on."
        if active and st.button("Stop", icon=":material/stop:", key="stop-sweep", help=about):
            for run in reversed(status_by_run):  # those that wait first, or they would start
                if run in active.values():
                    queue().stop(run)
            st.rerun()
        st.caption(_summary(status, {run.id: run.record.seconds for run in stored.values() if run.record}))
    if active:
        _progress(active, len(status.done), _symbol(config))
    _failures(status, stored, _symbol(config))


def _choose_place() -> bool:
    """Ask where merges are carried out, where there is a cluster; returns whether there."""
    if not queue().has_cluster:
        return False
    chosen = st.segmented_control(
        "Run on",
        [HERE, CLUSTER],
        default=HERE,
        key="sweep-place",
        required=True,
        label_visibility="collapsed",
        help="On the cluster as many merges run at once as it has room for; they go on when this page is closed.",
    )
    return chosen == CLUSTER


def _summary(status: SweepStatus, seconds: Mapping[str, float]) -> str:
    """The state of the sweep in words, and how long what is missing takes by its finished runs' `seconds` (by run)."""
    counts = {
        "done and reused": len(status.done),
        "under way": len(status.active),
        "to resume": len(status.resume),
        "new": len(status.missing),
    }
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    durations = [seconds[run] for run in status.done.values() if run in seconds]
    missing = len(status.missing) + len(status.resume)
    if durations and missing:
        parts.append(f"about {duration(missing * sum(durations) / len(durations))} by the runs that are done")
    return " · ".join(parts)


def _start(config: MergeConfig, status: SweepStatus, on_cluster: bool) -> None:
    """Queue what is missing, as far as this server lets, and resume what is unfinished; say which runs are neither."""
    symbol, runs = _symbol(config), []
    for value in status.missing:
        try:
            runs.append(queue().submit(at(config, value), on_cluster))
        except InputError as error:
            st.toast(f"{symbol} = {value:g} and what follows were not queued. {reason(error)}", icon=":material/block:")
            break
    st.session_state["swept"] = [*st.session_state.get("swept", []), *runs]
    for value, run in status.resume.items():
        try:
            queue().resume(run, on_cluster)
        except InputError as error:
            st.toast(f"{symbol} = {value:g} did not resume. {reason(error)}", icon=":material/error:")


@st.fragment(run_every=POLL_SECONDS)
def _progress(active: Mapping[float, str], done: int, symbol: str) -> None:
    """Draw how many runs are done and what runs now; draw the whole page again when one has ended."""
    status_by_run: dict[str, Any] = dict(queue().active())
    if any(run not in status_by_run for run in active.values()):
        st.rerun()
    total = done + len(active)
    running = {
        value: view
        for value, run in active.items()
        if status_by_run[run] == "running" and (view := queue().snapshot(run))
    }
    share = (done + sum(map(fraction_done, running.values()))) / total
    st.progress(share, text=f"**{done} of {total} done** · {_current_merges(running, symbol)}")


def _current_merges(running: Mapping[float, RunView], symbol: str) -> str:
    if not running:
        return "waiting for another merge to end"
    if len(running) > 1:
        return f"{symbol} = {', '.join(f'{value:g}' for value in running)} are merging"
    [(value, view)] = running.items()
    left = "" if view.eta_seconds is None else f", about {duration(view.eta_seconds)} left"
    return f"{symbol} = {value:g} is merging: {fraction_done(view):.0%}{left}"


def _failures(status: SweepStatus, stored: Mapping[str, Run], symbol: str) -> None:
    """Say why runs of the sweep failed."""
    lines = []
    for value, run in status.resume.items():
        state = queue().snapshot(run) or stored.get(run)
        if state and state.status == "failed":
            lines.append(f"- {symbol} = {value:g}: {letters(sentence(state.message)) or 'no reason was recorded.'}")
    if lines:
        st.error("\n".join(lines), title="Some merges failed", icon=":material/error:")


def _symbol(config: MergeConfig) -> str:
    """The symbol of the setting that is swept."""
    setting = config.method.swept()
    assert setting is not None
    return setting.symbol
