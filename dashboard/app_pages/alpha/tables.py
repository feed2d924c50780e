"""A sweep over α as a page sees it: the runs it may use, the sequences to choose from, and what was found."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.charts.outcomes import outcomes
from dashboard.library.picker import CHOSEN, configured
from dashboard.merge_choices import chosen_tasks, options_set
from dashboard.state import queue
from otmf_core.analysis.sweeps import Known, pareto, same_sweep
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import list_libraries, open_library, order
from otmf_core.runs.folder import Run

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
    installed = [library.root.name for library in list_libraries()]
    name = st.session_state.get(CHOSEN) or next(iter(installed), None)
    if name is None:
        raise InputError("a sweep needs a library of models, and none is installed")
    name = configured(name, installed)
    library = open_library(name)
    suites = list(library.suites)
    tasks = chosen_tasks() or (order(library, suites[0]) if suites else [task.id for task in library.tasks])
    return MergeConfig.build(tasks=tasks, library=name, **options_set("otmf"))


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
