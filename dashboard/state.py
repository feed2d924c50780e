"""The folders of runs, the queue, and the run that each page shows (URL ⇄ state), which a session remembers."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from dashboard.engine.throttle import drawing_seconds
from dashboard.sharing.rules import ServerGate
from otmf_core.files import inside
from otmf_core.jobs.joined import JoinedQueue, joined_queue
from otmf_core.library import library as libraries

ROOT = Path(__file__).resolve().parent.parent


def runs_folder() -> Path:
    """The folder of run folders: OTMF_RUNS, by default `runs` in the repository."""
    return ROOT / os.environ.get("OTMF_RUNS", "runs")


def examples_folder() -> Path:
    """The folder of the runs that came with the program; nothing is written there."""
    return libraries.ASSETS / "runs"


def run_folder(run: str) -> Path:
    """The folder of a run by its id, the reader's own or an example; raises InputError where it leads elsewhere."""
    return inside(examples_folder() if is_example(run) else runs_folder(), run)


def is_example(run: str) -> bool:
    """Whether a run came with the program, and the reader has none of that id."""
    return not inside(runs_folder(), run).exists() and inside(examples_folder(), run).is_dir()


def queue() -> JoinedQueue:
    """The queue that every page and every tab shares, with that of the Ray cluster at OTMF_RAY where that is set.

    The address is the operator's to give and no page's: a cluster runs code in the process that connects to it.
    """
    return joined_queue(runs_folder(), os.environ.get("OTMF_RAY", ""), drawing_seconds, ServerGate(runs_folder()))


def run_of(page: str) -> str | None:
    """The run that `page` shows: the URL's `?run=`; on arrival from another page, the one it showed before.

    Where the URL has lost its run and no page was changed, the reader went back in history: then there is none.
    """
    arrived = st.session_state.get("page") != page
    st.session_state["page"] = page
    run = st.query_params.get("run") or (st.session_state.get(f"{page}_run") if arrived else None)
    if run in queue().discarded and queue().snapshot(run) is None:  # maybe in another tab
        forget_run(run)
        run = None
    show_run(page, run)
    return run


def show_run(page: str, run: str | None) -> None:
    """Make `page` show `run` and put it in the URL, so that a refresh or a copied link shows it again."""
    st.session_state[f"{page}_run"] = run
    st.session_state["looked_at"] = run or st.session_state.get("looked_at")
    if run and st.query_params.get("run") != run:
        st.query_params["run"] = run
    elif not run and "run" in st.query_params:
        del st.query_params["run"]


def forget_run(run: str) -> None:
    """Make no page show `run` on return, since it is gone."""
    for key in [key for key, value in st.session_state.items() if value == run]:
        if key == "looked_at" or str(key).endswith("_run"):
            st.session_state[key] = None


def current_run(page: str) -> str | None:
    """The run in the URL or, where there is none, the one that any page showed last; `page` is the one asking."""
    st.session_state["page"] = page
    return st.query_params.get("run") or st.session_state.get("looked_at")
