"""The check of a run folder from elsewhere before it is let in: every file that a page reads, of the right type.

Runs made here are right by construction; one that arrives as a zip may have been made by hand.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run, load_run
from otmf_core.runs.view import stored_view


def check_run(folder: Path) -> Run:
    """Read a run folder from elsewhere, whole; raises InputError, naming the file, for whatever a page could not show.

    Checked: the format and status, the configuration, the types of all figures, that they belong to the tasks of the
    configuration, and that every table and every file of weights opens.
    """
    run = load_run(folder)
    _check_status(run)
    for summary in (run.state, run.record):
        if summary is not None and summary.tasks not in ((), run.config.tasks):
            raise InputError(f"the files of a run must agree with each other: {run.id} has figures of other tasks")
    stored_view(run)
    for path in folder.rglob("*.parquet"):
        _open_table(path)
    for path in folder.rglob("*.safetensors"):
        _open_weights(path)
    return run


def _check_status(run: Run) -> None:
    """Raise InputError unless the run says when it was created, with its time zone, and its message is text."""
    file = run.path / layout.STATUS
    try:
        moment = datetime.fromisoformat(run.created)
    except (TypeError, ValueError):
        raise InputError(f"a run's {file.name} has the fields of this version: created ({run.created!r})") from None
    if moment.tzinfo is None or not 1980 <= moment.year < 2200:
        raise InputError(f"a run was created at a moment of this age with its time zone, received {run.created!r}")
    if not isinstance(run.message, str):
        raise InputError(f"a run's {file.name} has the fields of this version: message ({run.message!r})")


def _open_table(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"a table is a Parquet file: {path.name} ({error})") from None


def _open_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # reads the header, and that the file has the size it states
            pass
    except SafetensorError as error:
        raise InputError(f"a file must be valid safetensors: {path.name} ({error})") from None
