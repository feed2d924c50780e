"""A sweep over α on a page: which sequence, what the queue has of it, what it found, and its progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.charts.outcome import outcomes
from dashboard.run_view import POLL_SECONDS
from dashboard.session import chosen_tasks, queue
from dashboard.widgets import duration, sentence
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library import list_libraries, order
from otmf_core.progress import JobView, fraction_done
from otmf_core.runs import Run
from otmf_core.sweeps import Known, Plan, at, pareto, same_sweep

FIGURES = ["acc", "bwt", "stability", "plasticity"]
FORM = "form"


def known_runs(stored: list[Run]) -> list[Known]:
    """Every run a sweep may use, newest first: what has no folder (queued, or refused at once), then the folders."""
    folders = {run.id for run in stored}
    asked = [run for run, _ in queue().active()] + st.session_state.get("swept", [])
    views = {run: view for run in asked if run not in folders and (view := queue().snapshot(run))}
    waiting = [Known(run, view.status, view.config) for run, view in reversed(views.items())]
    return waiting + [Known(run.id, run.status, run.config) for run in stored]


def form_config() -> MergeConfig:
    """The OTMF merge that the Merge page describes, or its first suite before a first visit; raises InputError."""
    fields = {
        field: st.session_state[field]
        for field in MergeConfig.model_fields
        if field in st.session_state and field not in ("tasks", "method", "alpha", "library", "preset")
    }
    libraries = list_libraries()
    if not libraries:
        raise InputError("a sweep needs a library of models, and none is installed")
    library = libraries[0]
    tasks = chosen_tasks() or order(library, next(iter(library.suites), ""))
    preset = st.session_state.get("preset", "default")
    return MergeConfig.build(preset, tasks=tasks, library=library.id, **fields)


def sequences(runs: list[Known], form: MergeConfig | None) -> dict[str, MergeConfig]:
    """What can be swept, by the id of its oldest run, newest first; the Merge form's as "form" where it has no run."""
    found: dict[str, MergeConfig] = {}
    for run in sorted(runs, key=lambda run: run.run):  # ids sort by time
        config = MergeConfig.parse(dict(run.config))
        if config.method == "otmf" and not any(same_sweep(config, other) for other in found.values()):
            found[run.run] = config
    newest_first = dict(reversed(found.items()))
    if form and not any(same_sweep(form, other) for other in found.values()):
        newest_first[FORM] = form
    return newest_first


def remaining(plan: Plan, seconds: Mapping[str, float]) -> str:
    """How long the missing runs take, from finished ones of the same sequence; "" without any."""
    known = [seconds[run] for run in plan.done.values() if run in seconds]
    missing = len(plan.submit) + len(plan.resume)
    return f" · about {duration(missing * sum(known) / len(known))}" if known and missing else ""


def start(config: MergeConfig, plan: Plan) -> None:
    """Queue what is missing and resume what is unfinished; tells of runs that do not resume."""
    runs = [queue().submit(at(config, alpha)) for alpha in plan.submit]
    st.session_state["swept"] = [*st.session_state.get("swept", []), *runs]
    for alpha, run in plan.resume.items():
        try:
            queue().resume(run)
        except InputError as error:
            st.toast(f"α = {alpha:g} did not resume. {sentence(str(error))}", icon=":material/error:")


@st.fragment(run_every=POLL_SECONDS)
def progress(active: Mapping[float, str], done: int) -> None:
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


def sweep_table(runs: Mapping[float, Run]) -> pd.DataFrame:
    """A row per finished run: α, run, ACC, BWT, stability, plasticity, and whether it is on the Pareto front."""
    rows = [(alpha, run.id, *((run.record or {}).get(figure) for figure in FIGURES)) for alpha, run in runs.items()]
    table = pd.DataFrame(rows, columns=["alpha", "run", *FIGURES])
    table[FIGURES] = table[FIGURES].astype(float)
    both = table.dropna(subset=["stability", "plasticity"])
    best = pareto(list(zip(both["stability"], both["plasticity"], strict=True)))
    table["front"] = table.index.isin(both.index[best])
    return table


def task_table(runs: Mapping[float, Run]) -> pd.DataFrame:
    """A row per finished run and task: α, task, accuracy in percent when just merged and now (at the end)."""
    parts = []
    for alpha, run in runs.items():
        record = run.record or {}
        own = dict(zip(record["tasks"], record["individual"], strict=True))
        part = outcomes(record["matrix"], record["tasks"], own)[["task", "just_merged", "now"]]
        parts.append(part.assign(alpha=alpha))
    return pd.concat(parts, ignore_index=True)[["alpha", "task", "just_merged", "now"]]
