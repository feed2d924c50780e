"""Runs, read from the queue of this process or from their folders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard.state import queue, run_folder, runs_folder
from otmf_core import layout
from otmf_core.files import Mark, mark
from otmf_core.runs.folder import Damaged, Run, list_runs, load_run
from otmf_core.runs.view import RunView, stored_view


def view_of(run: str) -> RunView:
    """The job of this process, or what its run folder holds; raises InputError when there is neither."""
    view = queue().snapshot(run)
    if view:
        return view
    stored = load_run(run_folder(run))
    if stored.status != "done":
        return stored_view(stored)
    files = [
        stored.path / layout.RECORD,
        stored.path / layout.CONFIG,
        *stored.path.glob(layout.every_step(layout.CURVES)),
    ]
    return _done_view(tuple((str(file), mark(file)) for file in sorted(files)), stored)


@st.cache_resource(max_entries=32, show_spinner=False)
def _done_view(files: tuple[tuple[str, Mark], ...], _run: Run) -> RunView:
    """The view of a finished run, read again when one of its files has changed; nobody changes a view."""
    return stored_view(_run)


def readable_runs() -> tuple[list[Run], list[Damaged]]:
    """The run folders that this version can show, newest first, and those that it cannot.

    A run in this process's queue has its status there, which a folder follows with a delay.
    """
    runs, damaged = list_runs(runs_folder())
    active: dict[str, Any] = dict(queue().active())
    return [replace(run, status=active.get(run.id, run.status)) for run in runs], damaged
