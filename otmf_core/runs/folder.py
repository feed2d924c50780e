"""Run folders: made, read, listed, named and deleted; in open formats, read back anywhere without torch."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark, read_object, write_json
from otmf_core.runs.lock import owned, owner
from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import AccuracyRow, RunState, parsed

FORMAT = 2  # of run folders written now
FILES = (layout.STATUS, layout.CONFIG, layout.STATE, layout.RECORD, layout.NOTES)  # that a Run is read from
NAME_LENGTH, NOTE_LENGTH = 80, 10_000  # characters
Status = Literal["queued", "running", "stopped", "failed", "done", "interrupted"]


def now() -> str:
    """This moment, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Run:
    """A run folder as it was when read. `record` is None until the run is done; `message` says why it is not."""

    id: str
    path: Path
    status: Status
    message: str
    created: str
    config: MergeConfig
    state: RunState
    record: RunRecord | None
    name: str = ""
    note: str = ""

    @property
    def matrix(self) -> tuple[AccuracyRow, ...]:
        """The rows a[t] of the steps that have ended."""
        return (self.record or self.state).matrix

    @property
    def individual(self) -> tuple[float, ...]:
        """Accuracy of each expert on its own task, as far as they arrived."""
        return (self.record or self.state).individual


def new_run_id(method: str) -> str:
    """A fresh id that sorts by time: 20261122-151045-otmf-3f9a."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{method}-{secrets.token_hex(2)}"


def create_run(path: Path, config: MergeConfig) -> None:
    """Make the folder of a new run, status queued; raises InputError when it exists or cannot be written."""
    if path.exists():
        raise InputError(f"a new run needs a new folder: {path} exists")
    try:
        write_json(path / layout.CONFIG, config.model_dump(mode="json"))
        write_json(path / layout.STATUS, {"format": FORMAT, "status": "queued", "message": "", "created": now()})
    except InputError:
        remove_run(path)
        raise


def set_status(path: Path, status: Status, message: str = "") -> None:
    """Record where a run stands, keeping when it was created."""
    previous = read_object(path / layout.STATUS)
    write_json(path / layout.STATUS, {**previous, "status": status, "message": message, "updated": now()})


def load_run(path: Path) -> Run:
    """Read a run folder; raises InputError when it is none, damaged, or written by a newer version.

    What was read is kept until one of its files changes; nobody changes a Run or what it holds.
    """
    path = Path(path)
    run = _read_run(path, tuple(mark(path / name) for name in FILES))
    return replace(run, status="interrupted") if run.status == "running" and owner(path) is None else run


@lru_cache(maxsize=1024)
def _read_run(path: Path, marks: tuple[Mark, ...]) -> Run:
    if not (path / layout.STATUS).is_file():
        raise InputError(f"a run is a folder with a status.json, received {path}")
    status = read_object(path / layout.STATUS)
    if not isinstance(status.get("format"), int):
        raise InputError(f"a run's status.json names its format: {path / 'status.json'} does not")
    if status["format"] > FORMAT:
        raise InputError(
            f"this version reads run format {FORMAT} and older, {path.name} has {status['format']}: update the program"
        )
    stands: Any = status.get("status")
    if stands not in get_args(Status):
        raise InputError(f"a run is {', '.join(get_args(Status))}, received {stands!r} in {path / 'status.json'}")
    name, note = _notes(path / layout.NOTES)
    return Run(
        id=path.resolve().name,
        path=path,
        status=stands,
        message=status.get("message", ""),
        created=status.get("created", ""),
        config=_config(path / layout.CONFIG),
        state=_state(path / layout.STATE),
        record=_record(path / layout.RECORD) if stands == "done" else None,
        name=name,
        note=note,
    )


def _config(file: Path) -> MergeConfig:
    fields = read_object(file)
    try:
        return MergeConfig.parse(fields)
    except InputError as error:
        raise InputError(f"a run needs a configuration this version knows: {file} ({error})") from None


def _state(file: Path) -> RunState:
    return parsed(RunState, file, read_object(file)) if file.is_file() else RunState()


def _record(file: Path) -> RunRecord:
    record = parsed(RunRecord, file, read_object(file))
    for metric in ("acc", "bwt", "fwt", "forgetting"):
        if getattr(record, metric) is None:
            raise InputError(f"a finished run's record has its metrics: {metric} is missing in {file}")
    return record


def set_notes(path: Path, name: str, note: str) -> None:
    """Give a run a name (one line) and a note, shown beside its id; raises InputError when one is too long.

    At most NAME_LENGTH and NOTE_LENGTH characters; empty ones take the name or the note away.
    """
    if not (path / layout.STATUS).is_file():
        raise InputError(f"a run is a folder with a status.json, received {path}")
    notes = {"name": " ".join(name.split()), "note": note.strip()}
    for what, limit in (("name", NAME_LENGTH), ("note", NOTE_LENGTH)):
        if len(notes[what]) > limit:
            raise InputError(f"a run's {what} has at most {limit:,} characters, received {len(notes[what]):,}")
    write_json(path / layout.NOTES, notes)


def _notes(file: Path) -> tuple[str, str]:
    notes = read_object(file) if file.is_file() else {}
    name, note = notes.get("name", ""), notes.get("note", "")
    if not isinstance(name, str) or not isinstance(note, str):
        raise InputError(f"a run's name and note are text: {file} holds something else")
    return name, note


def list_runs(out: Path) -> tuple[list[Run], list[str]]:
    """The runs of a folder, newest first, and one sentence for every folder that could not be read."""
    runs, problems = [], []
    for path in sorted(Path(out).glob(f"*/{layout.STATUS}"), reverse=True):
        try:
            runs.append(load_run(path.parent))
        except InputError as error:
            problems.append(str(error))
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True), problems


def resolve_run(name: str, out: Path) -> Path:
    """The folder of a run given by its id under `out` or by its path; raises InputError when there is none."""
    if name == Path(name).name and (Path(out) / name / layout.STATUS).is_file():
        return Path(out) / name
    if (Path(name) / layout.STATUS).is_file():
        return Path(name)
    raise InputError(f"a run is an id under {out} or the path of a run folder, received {name!r}")


def remove_run(path: Path) -> None:
    """Delete a run folder and everything in it."""
    if path.exists():
        shutil.rmtree(path)


def delete_run(path: Path) -> None:
    """Delete a run that nobody is merging; raises InputError while a process holds it, or when it cannot be deleted.

    The folder leaves its place in one move first, so that a run is there whole or not at all.
    """
    load_run(path)  # nothing but a run is ever deleted
    try:
        with owned(path), TemporaryDirectory(prefix=".deleted-", dir=path.parent) as away:
            path.rename(Path(away) / path.name)
    except OSError as error:
        raise InputError(f"the folder must be writable: {path} was not deleted ({error.strerror})") from error
