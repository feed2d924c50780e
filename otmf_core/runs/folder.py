"""The run folder: configuration, status, progress and record in open formats, read back anywhere without torch.

runs/<id>/config.json        MergeConfig
          status.json        queued, running, stopped, failed or done, and why
          progress.json      what is known after every completed step: matrix, individual, times
          record.json        the finished run's figures (what `merge --json` prints)
          steps/02/…         loss curves, mask statistics and masks of a fusion
          merged.safetensors the merged task vector Δ_m
          notes.json         the name and the note its reader gave it; the id never changes
          export/            the merged model as open_clip loads it, and its card, once exported
          owner.json         the process that is merging it now
          resume/            what an unfinished run continues from
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import psutil

from otmf_core.errors import InputError
from otmf_core.files import Mark, mark, read_object, write_json

FORMAT = 1
FILES = ("status.json", "config.json", "progress.json", "record.json", "notes.json")  # that a Run is read from
EXPORT, CARD = "export", "README.md"  # folder of an exported model in its run's, and the last file written there
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
    config: dict[str, Any]
    progress: dict[str, Any]
    record: dict[str, Any] | None
    name: str = ""
    note: str = ""


def new_run_id(method: str) -> str:
    """A fresh id that sorts by time: 20261122-151045-otmf-3f9a."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{method}-{secrets.token_hex(2)}"


def create_run(path: Path, config: dict[str, Any]) -> None:
    """Make the folder of a new run, status queued; raises InputError when it exists or cannot be written."""
    if path.exists():
        raise InputError(f"a new run needs a new folder: {path} exists")
    try:
        write_json(path / "config.json", config)
        write_json(path / "status.json", {"format": FORMAT, "status": "queued", "message": "", "created": now()})
    except InputError:
        remove_run(path)
        raise


def set_status(path: Path, status: Status, message: str = "") -> None:
    """Record where a run stands, keeping when it was created."""
    previous = read_object(path / "status.json")
    write_json(path / "status.json", {**previous, "status": status, "message": message, "updated": now()})


def load_run(path: Path) -> Run:
    """Read a run folder; raises InputError when it is none, damaged, or written by a newer version.

    What was read is kept until one of its files changes; nobody changes a Run or what it holds.
    """
    path = Path(path)
    run = _read_run(path, tuple(mark(path / name) for name in FILES))
    return replace(run, status="interrupted") if run.status == "running" and owner(path) is None else run


@lru_cache(maxsize=1024)
def _read_run(path: Path, marks: tuple[Mark, ...]) -> Run:
    if not (path / "status.json").is_file():
        raise InputError(f"a run is a folder with a status.json, received {path}")
    status = read_object(path / "status.json")
    if not isinstance(status.get("format"), int):
        raise InputError(f"a run's status.json names its format: {path / 'status.json'} does not")
    if status["format"] > FORMAT:
        raise InputError(
            f"this version reads run format {FORMAT} and older, {path.name} has {status['format']}: update the program"
        )
    state: Any = status.get("status")
    if state not in get_args(Status):
        raise InputError(f"a run is {', '.join(get_args(Status))}, received {state!r} in {path / 'status.json'}")
    record = path / "record.json"
    progress = path / "progress.json"
    name, note = _notes(path / "notes.json")
    return Run(
        id=path.resolve().name,
        path=path,
        status=state,
        message=status.get("message", ""),
        created=status.get("created", ""),
        config=read_object(path / "config.json"),
        progress=read_object(progress) if progress.is_file() else {},
        record=read_object(record) if state == "done" else None,
        name=name,
        note=note,
    )


def set_notes(path: Path, name: str, note: str) -> None:
    """Give a run a name (one line) and a note, shown beside its id; raises InputError when one is too long.

    At most NAME_LENGTH and NOTE_LENGTH characters; empty ones take the name or the note away.
    """
    if not (path / "status.json").is_file():
        raise InputError(f"a run is a folder with a status.json, received {path}")
    kept = {"name": " ".join(name.split()), "note": note.strip()}
    for what, limit in (("name", NAME_LENGTH), ("note", NOTE_LENGTH)):
        if len(kept[what]) > limit:
            raise InputError(f"a run's {what} has at most {limit:,} characters, received {len(kept[what]):,}")
    write_json(path / "notes.json", kept)


def _notes(file: Path) -> tuple[str, str]:
    kept = read_object(file) if file.is_file() else {}
    name, note = kept.get("name", ""), kept.get("note", "")
    if not isinstance(name, str) or not isinstance(note, str):
        raise InputError(f"a run's name and note are text: {file} holds something else")
    return name, note


def list_runs(out: Path) -> tuple[list[Run], list[str]]:
    """The runs of a folder, newest first, and one sentence for every folder that could not be read."""
    runs, problems = [], []
    for path in sorted(Path(out).glob("*/status.json"), reverse=True):
        try:
            runs.append(load_run(path.parent))
        except InputError as error:
            problems.append(str(error))
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True), problems


def resolve_run(name: str, out: Path) -> Path:
    """The folder of a run given by its id under `out` or by its path; raises InputError when there is none."""
    if name == Path(name).name and (Path(out) / name / "status.json").is_file():
        return Path(out) / name
    if (Path(name) / "status.json").is_file():
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


def owner(path: Path) -> int | None:
    """The process that is merging this run now, or None."""
    try:
        return _holder((path / "owner.json").read_bytes())
    except OSError:
        return None


def _holder(claim: bytes) -> int | None:
    """The living process that made a claim; None for a damaged one, or one by a process that is gone."""
    try:
        made = json.loads(claim)
        process = psutil.Process(made["pid"])
        alive = abs(process.create_time() - made["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
        return made["pid"] if alive else None
    except (ValueError, psutil.Error, KeyError, TypeError):
        return None


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold a run while merging it; raises InputError when another process (or thread) holds it."""
    draft = path / f".owner-{secrets.token_hex(8)}.json"
    write_json(draft, {"pid": os.getpid(), "started": psutil.Process().create_time()})
    try:
        _claim(path / "owner.json", draft)
    finally:
        draft.unlink()
    try:
        yield
    finally:
        (path / "owner.json").unlink(missing_ok=True)


def _claim(file: Path, draft: Path) -> None:
    """Make `draft` appear as `file`, whole and only where there is none, or raise InputError when that is held.

    A stale claim is taken away first, by the one process that holds the claim on just that (its name has its hash):
    whoever else saw it finds it changed, and a fresh claim is never taken for the stale one that it replaced.
    """
    while True:
        with suppress(FileExistsError):
            os.link(draft, file)
            return
        with suppress(FileNotFoundError):  # it has just been given up, or taken away by another: try again
            found = file.read_bytes()
            holder = _holder(found)
            if holder is not None:
                raise InputError(
                    f"a run is merged by one process at a time: {file.parent.name} is held by process {holder}"
                )
            takeover = file.with_name(f"{file.stem}.{hashlib.sha256(found).hexdigest()[:16]}.json")
            _claim(takeover, draft)
            try:
                if file.read_bytes() == found:
                    file.unlink()
            finally:
                takeover.unlink()
