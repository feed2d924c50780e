"""What pages write to the folders of runs, beside the queue: every way in, and each asks first whether it may.

A shared server forbids some of it (dashboard/sharing/rules.py). No page calls the engine for these by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from dashboard.sharing.rules import check_change, check_room
from dashboard.state import queue, run_folder, runs_folder
from otmf_core import layout
from otmf_core.analysis.features import take_features
from otmf_core.export.layouts import export_run
from otmf_core.files import inside
from otmf_core.runs.archive import import_run
from otmf_core.runs.folder import Run, load_run, set_notes
from otmf_core.runs.lock import take_over


def note(run: Run, field: str, text: str) -> None:
    """Save the `name` or the `note` of a run; the other stays as it is stored, whatever another tab has made of it.

    Raises InputError, as do all of these, where it may not or cannot be.
    """
    check_change()
    stored = load_run(run.path)
    set_notes(run.path, **{"name": stored.name, "note": stored.note, field: text})


def bring_in(file: IO[bytes], size: int) -> str:
    """Import a run from its zip of so many bytes, which unpack to at least as many; returns its id."""
    check_change()
    check_room(runs_folder(), size, "this run")
    return import_run(file, runs_folder())


def export(run: Run, layout_name: str) -> None:
    """Write the merged model of a run into its folder in another layout."""
    check_change()
    merged = run.path / layout.MERGED
    check_room(runs_folder(), merged.stat().st_size if merged.is_file() else 0, "the exported model")
    export_run(run.path, layout_name)


def check_room_for_features() -> None:
    """Raise InputError where runs take more than they may already."""
    check_room(runs_folder(), 0, "the features of this run")


def take(run: str, report: Callable[[float], None]) -> None:
    """Take the features of a run; `report` hears which share is done."""
    check_change()
    check_room_for_features()
    take_features(run_folder(run), report)


def take_over_from(run: str) -> None:
    """Go on with a run that a process claims which is gone, as the reader says."""
    check_change()
    take_over(inside(runs_folder(), run))
    queue().resume(run)
