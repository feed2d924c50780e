"""The run folder: configuration, status, progress and record in open formats, read back anywhere without torch.

runs/<id>/config.json        MergeConfig
          status.json        queued, running, stopped, failed or done, and why
          progress.json      what is known after every completed step: matrix, individual, times
          record.json        the finished run's figures (what `merge --json` prints)
          steps/02/…         loss curves, mask statistics and masks of a fusion
          merged.safetensors the merged task vector Δ_m
          resume/            what an unfinished run continues from
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

from otmf_core.errors import InputError
from otmf_core.files import read_object, write_json

FORMAT = 1
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
    """Read a run folder; raises InputError when it is none, damaged, or written by a newer version."""
    path = Path(path)
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
    if state == "running" and owner(path) is None:
        state = "interrupted"
    record = path / "record.json"
    progress = path / "progress.json"
    return Run(
        id=path.resolve().name,
        path=path,
        status=state,
        message=status.get("message", ""),
        created=status.get("created", ""),
        config=read_object(path / "config.json"),
        progress=read_object(progress) if progress.is_file() else {},
        record=read_object(record) if state == "done" else None,
    )


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


def owner(path: Path) -> int | None:
    """The process that is merging this run now, or None."""
    try:
        claim = read_object(path / "owner.json")
        process = psutil.Process(claim["pid"])
        alive = abs(process.create_time() - claim["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
        return claim["pid"] if alive else None
    except (ValueError, psutil.Error, KeyError, TypeError):  # no claim, a damaged one, or one by a process that is gone
        return None


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold a run while merging it; raises InputError when another process (or thread) holds it."""
    holder = owner(path)
    if holder is not None:
        raise InputError(f"a run is merged by one process at a time: {path.name} is held by process {holder}")
    write_json(path / "owner.json", {"pid": os.getpid(), "started": psutil.Process().create_time()})
    try:
        yield
    finally:
        (path / "owner.json").unlink(missing_ok=True)
