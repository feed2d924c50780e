"""A finished run together with the library it was made with, as everything that reads a merged model needs them."""

from __future__ import annotations

from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.library.library import Library, open_library
from otmf_core.runs.folder import Run, load_run


def finished_run(run_dir: Path, what: str) -> tuple[Run, Library]:
    """The run and its library; raises InputError, about `what`, unless it is done and the library what it was then."""
    run = load_run(run_dir)
    if run.record is None:
        raise InputError(f"{what} when it is done: {run.id} is {run.status}")
    library = open_library(run.config.library)
    if run.state.library != library.manifest_hash:
        raise InputError(f"{what} with the library it was made with: {library.root} has changed since")
    return run, library
