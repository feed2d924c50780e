"""The simple average of a run's task vectors, where one was merged: by the reader, else as a library brings it."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.runs.loading import readable_runs
from dashboard.state import run_folder
from otmf_core.analysis.results import shipped_results
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.methods.average import Average
from otmf_core.runs.folder import Run, load_run
from otmf_core.runs.view import RunView


def average_of(view: RunView) -> float | None:
    """The ACC of the average of the same task vectors of the same library; None where it is not known, or the run's."""
    if isinstance(view.config.method, Average):
        return None
    try:
        library = load_run(run_folder(view.run)).state.library
    except InputError:
        return None
    found = (run.record for run in (*readable_runs()[0], *_shipped(view)) if _is_it(run, view, library))
    return next((record.acc for record in found if record), None)


def _is_it(run: Run, view: RunView, library: str) -> bool:
    config = run.config
    same = isinstance(config.method, Average) and config.heads == "none" and run.state.library == library
    same = same and config.scoring == view.config.scoring
    return same and sorted(config.tasks) == sorted(view.tasks)


def _shipped(view: RunView) -> Iterable[Run]:
    try:
        return [run for results in shipped_results(open_library(view.config.library)) for run in results.runs]
    except InputError:
        return []
