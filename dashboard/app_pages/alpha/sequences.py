"""The sequences that can be swept: those of runs, and that of the Merge form."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from dashboard.library.picker import LIBRARY_KEY, name_in_config, offered_libraries
from dashboard.merge_choices import FIRST_METHOD, chosen_options, chosen_tasks
from dashboard.state import is_example, queue
from otmf_core.analysis.sweeps import SweepRun, by_hand, same_sweep
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import list_libraries, open_library
from otmf_core.library.orders import order
from otmf_core.runs.folder import Run
from otmf_core.settings import Setting

FORM = "form"  # the id of the Merge form's sequence


def sweepable_runs(stored: Collection[Run]) -> list[SweepRun]:
    """Every run a sweep may use, newest first: what has no folder (queued, or refused at once), then the folders."""
    folders = {run.id for run in stored}
    submitted = [run for run, _ in queue().active()] + st.session_state.get("swept", [])
    views = {run: view for run in submitted if run not in folders and (view := queue().snapshot(run))}
    without_folder = [SweepRun(run, view.status, view.config) for run, view in reversed(views.items())]
    return without_folder + [SweepRun(run.id, run.status, run.config) for run in stored]


def form_config() -> MergeConfig:
    """The merge by the first method, as the Merge page describes it, or its first suite; raises InputError."""
    installed = [library.root.name for library in list_libraries()]
    name = st.session_state.get(LIBRARY_KEY) or next(iter(offered_libraries()), None)
    if name is None:
        raise InputError("a sweep needs a library of models, and none is installed")
    name = name_in_config(name, installed)
    library = open_library(name)
    suites = list(library.suites)
    tasks = chosen_tasks() or (order(library, suites[0]) if suites else [task.id for task in library.tasks])
    return by_hand(
        MergeConfig.build(
            tasks=tasks, library=name, method=FIRST_METHOD, **chosen_options(FIRST_METHOD, library.of_texts)
        )
    )


def sequences(runs: Sequence[SweepRun], form: MergeConfig | None) -> dict[str, MergeConfig]:
    """Merges to sweep, by the id of their oldest run, newest first, the examples after the reader's own.

    Last comes the Merge form's, as "form" where it has no run.
    """
    configs: dict[str, MergeConfig] = {}
    for run in sorted(runs, key=lambda run: run.run):  # ids sort by time
        config = by_hand(run.config)
        if config.method.swept() and not any(same_sweep(config, other) for other in configs.values()):
            configs[run.run] = config
    newest_first = {key: configs[key] for key in reversed(configs)}
    newest_first = dict(sorted(newest_first.items(), key=lambda item: is_example(item[0])))
    if form and not any(same_sweep(form, other) for other in configs.values()):
        newest_first[FORM] = form
    return newest_first


def sweep_grid(setting: Setting) -> list[float]:
    """The values of a setting that a sweep can choose: those of its slider, and those it begins with."""
    low, high = setting.shown.slider or (setting.shown.sweep[0], setting.shown.sweep[-1])
    step = setting.shown.step or (high - low) / 20
    steps = round((high - low) / step)
    return sorted({round(low + number * step, 6) for number in range(steps + 1)} | set(setting.shown.sweep))
