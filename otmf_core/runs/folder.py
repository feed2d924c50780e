"""Run folders: made, read, listed, named and deleted; in open formats, read back anywhere without torch."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark, not_written, read_object, shown, user_path, write_json
from otmf_core.runs.agreement import check_agreement
from otmf_core.runs.drafts import draft_folder
from otmf_core.runs.lock import owned, owner
from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import AccuracyRow, RunState, parsed

FORMAT = 2  # of run folders written now
MESSAGE_LENGTH = 10_000  # characters of why a run failed
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
    def noun(self) -> str:
        """What the examples that it merges on are called."""
        return (self.record or self.state).noun

    @property
    def individual(self) -> tuple[float, ...]:
        """Accuracy of each expert on its own task, as far as they arrived."""
        return (self.record or self.state).individual


def new_run_id(method: str) -> str:
    """A fresh id that sorts by time: 20261122-151045-otmf-3f9a."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{method}-{secrets.token_hex(2)}"


def create_run(path: Path, config: MergeConfig) -> None:
    """Make the folder of a new run, status queued, whole or not at all; raises InputError when that cannot be."""
    if os.path.lexists(path):
        raise InputError(f"a new run needs a new folder: {path} exists")
    status = {"format": FORMAT, "status": "queued", "message": "", "created": now()}
    try:
        with draft_folder(path.parent, ".create-") as draft:
            write_json(draft / path.name / layout.CONFIG, config.model_dump(mode="json"))
            write_json(draft / path.name / layout.STATUS, status)
            (draft / path.name).rename(path)
    except InputError as error:
        hidden = rf"{re.escape(str(path.parent / '.create-'))}\w+(?:[\\/]{re.escape(path.name)})?"
        raise InputError(re.sub(hidden, lambda match: str(path), str(error))) from None
    except OSError as error:
        raise not_written(error, path) from error


def set_status(path: Path, status: Status, message: str = "") -> None:
    """Record where a run stands, keeping when it was created."""
    previous = read_object(path / layout.STATUS)
    said = {"status": status, "message": message[:MESSAGE_LENGTH], "updated": now()}
    write_json(path / layout.STATUS, {**previous, **said})


def load_run(path: Path) -> Run:
    """Read a run folder; raises InputError when it is none, damaged, or written by a newer version.

    What was read is kept until one of its files changes; nobody changes a Run or what it holds.
    """
    path = Path(path)
    run = _read_run(path, tuple(mark(path / name) for name in FILES))
    left = run.status in ("queued", "running") and owner(path) is None
    return replace(run, status="interrupted") if left else run


def is_done(path: Path) -> bool:
    """Whether there is a finished run in this folder, which can be read."""
    with suppress(InputError):
        return load_run(path).status == "done"
    return False


@lru_cache(maxsize=1024)
def _read_run(path: Path, marks: tuple[Mark, ...]) -> Run:
    if not os.path.isfile(path / layout.STATUS):
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
        raise InputError(
            f"a run is {', '.join(get_args(Status))}, received {shown(stands, 80)} in {path / 'status.json'}"
        )
    name, note = _notes(path / layout.NOTES)
    config, state = _config(path / layout.CONFIG), _state(path / layout.STATE)
    record = _record(path / layout.RECORD) if stands == "done" else None
    check_agreement(path, config, state, record)
    return Run(
        id=Path(os.path.abspath(path)).name,  # its name here, also where it is a link
        path=path,
        status=stands,
        message=_message(status, path),
        created=_created(status, path),
        config=config,
        state=state,
        record=record,
        name=name,
        note=note,
    )


def _message(status: dict[str, Any], path: Path) -> str:
    message = status.get("message", "")
    if not isinstance(message, str) or len(message) > 2 * MESSAGE_LENGTH:
        raise InputError(f"a run's message is a text: {path / layout.STATUS} holds {shown(message)}")
    return message


def _created(status: dict[str, Any], path: Path) -> str:
    created = status.get("created")
    try:
        moment = datetime.fromisoformat(created)  # pyright: ignore[reportArgumentType]
        if moment.tzinfo is None or not 1980 <= moment.year < 2100:
            raise ValueError
        moment.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"a run was created at a moment of this age with its time zone: {path / layout.STATUS} says "
            f"{shown(created)}"
        ) from None
    return str(created)


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


def check_resumable(run: Run) -> None:
    """Raise InputError where the weights that an unfinished run goes on from are not in its folder."""
    step = run.state.step
    if step and not layout.state_folder(run.path, step, len(run.config.tasks)).is_dir():
        raise InputError(
            f"an unfinished run goes on from what it saved in {layout.RESUME}/, which no zip carries: {run.id} has "
            "nothing of it here; resume it where it was begun, or copy its whole folder from there"
        )


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
    if not isinstance(name, str) or not isinstance(note, str) or len(name) > NOTE_LENGTH or len(note) > NOTE_LENGTH:
        raise InputError(f"a run's name and note are text: {file} holds something else")
    return name, note


class Damaged(NamedTuple):
    """A run folder that cannot be read, and why in one sentence."""

    path: Path
    sentence: str


def list_runs(out: Path) -> tuple[list[Run], list[Damaged]]:
    """The runs of a folder, newest first, and every run folder that could not be read, by name.

    Raises InputError when the folder itself cannot be read.
    """
    runs, damaged = [], []
    for path in run_folders(Path(out)):
        try:
            runs.append(load_run(path))
        except InputError as error:
            damaged.append(Damaged(path, str(error)))
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True), damaged


def run_folders(out: Path) -> list[Path]:
    """The folders that hold a file of a run, or cannot be looked into, by name; hidden ones are under way or left."""
    try:
        names = [name for name in os.listdir(out) if not name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"the folder of all runs must be readable: {out} ({error.strerror})") from None
    folders = [out / name for name in sorted(names) if os.path.isdir(out / name)]
    return [folder for folder in folders if _is_run(folder) or not os.access(folder, os.R_OK | os.X_OK)]


def _is_run(path: Path) -> bool:
    return any(os.path.lexists(path / name) for name in FILES)


def resolve_run(name: str, out: Path) -> Path:
    """The folder of a run given by its id under `out` or by its path; raises InputError when there is none."""
    for path in ([Path(out) / name] if name == Path(name).name else []) + [user_path(name)]:
        if os.path.isfile(path / layout.STATUS):
            return path
    raise InputError(f"a run is an id under {out} or the path of a run folder, received {shown(name)}")


def delete_run(path: Path) -> None:
    """Delete a run, damaged or not, that nobody is merging; raises InputError while a process may hold it.

    The folder leaves its place in one move first, so that a run is there whole or not at all. Where it is a link, what
    it leads to stays.
    """
    if not _is_run(path):  # nothing but a run is ever deleted
        raise InputError(f"a run is a folder with a status.json, received {path}")
    try:
        with owned(path), draft_folder(path.parent, ".deleted-") as away:
            path.rename(away / path.name)
    except OSError as error:
        raise InputError(f"the folder must be writable: {path} was not deleted ({error.strerror})") from error
