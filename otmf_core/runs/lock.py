"""The claim on a run: which process is merging it, so that no other one does.

A process that merges a run holds a lock of the system on a file in its folder, which ends when the process does,
however it does. Where that lock cannot tell (other machines, disks without locks), the claim beside it says who holds
the run. A claim is taken only when its process is surely gone; where that cannot be known, it is the reader's to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import not_written, read_object, shown, write_json
from otmf_core.runs.machine import boot, host, is_own_disk
from otmf_core.runs.system_lock import LockHeldError, acquire, is_locked, release


class HeldError(InputError):
    """A run is held by another process, or by one of which that cannot be known."""


class Holder(NamedTuple):
    """The process that holds a run; `host` is None on this one. Whether one that is not `sure` lives is unknown."""

    pid: int | None
    host: str | None = None
    sure: bool = True


class _Claim(BaseModel):
    """What owner.json says; version 0.1.0 had neither `boot` nor `locked`, and at first no `host`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: Annotated[str, Field(strict=True, max_length=255)] | None = None
    boot: Annotated[str, Field(strict=True, max_length=255)] = ""
    pid: Annotated[int, Field(strict=True, gt=0, lt=2**31)]
    locked: Annotated[bool, Field(strict=True)] = False


def owner(path: Path) -> Holder | None:
    """The process that is merging the run in this folder now, or None."""
    held, claim = is_locked(path / layout.LOCK), _read(path)
    if not held and (claim is None or _is_gone(claim, path)):
        return None
    return _holder(claim, sure=held)


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold a run while merging it; raises HeldError when another process (or thread) holds it, or may hold it."""
    file = path / layout.CLAIM
    try:
        lock = acquire(path / layout.LOCK)
    except LockHeldError:
        raise HeldError(_refusal(file, owner(path) or Holder(None))) from None
    try:
        claim = _read(path)
        if claim is not None and (lock is None or not _is_gone(claim, path)):
            raise HeldError(_refusal(file, _holder(claim, sure=False)))
        mine = {"host": host(), "boot": boot(), "pid": os.getpid(), "locked": lock is not None}
        if lock is None:
            _exclusively(file)
        write_json(file, mine)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
    finally:
        if lock is not None:
            release(path / layout.LOCK, lock)
        else:
            (path / layout.LOCK).unlink(missing_ok=True)


def take_over(path: Path) -> None:
    """Give up the claim of a process of which its reader knows that it is gone; raises HeldError when it surely lives.

    Were it living, two processes would write one run and spoil it.
    """
    holder = owner(path)
    if holder and holder.sure:
        raise HeldError(_refusal(path / layout.CLAIM, holder))
    (path / layout.CLAIM).unlink(missing_ok=True)


def _exclusively(file: Path) -> None:
    """Make the claim's file where there is none: on a disk without locks, one process alone can."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        raise HeldError(_refusal(file, Holder(None, None, sure=False))) from None
    except OSError as error:
        raise not_written(error, file) from error


def _read(path: Path) -> _Claim | str | None:
    """The claim on a run; a text where it is damaged, None where there is none."""
    file = path / layout.CLAIM
    if not os.path.lexists(file):
        return None
    try:
        return _Claim(**read_object(file))
    except (InputError, ValidationError, TypeError) as error:
        return str(error) if os.path.lexists(file) else None


def _holder(claim: _Claim | str | None, sure: bool) -> Holder:
    if not isinstance(claim, _Claim):
        return Holder(None, None, sure)
    return Holder(claim.pid, None if claim.host in (None, host()) else claim.host, sure)


def _is_gone(claim: _Claim | str, path: Path) -> bool:
    """Whether the process of a claim, whose lock nobody holds, is surely gone."""
    if isinstance(claim, str):  # whoever wrote it did not come to its end, or holds a lock that others see
        return is_own_disk(path)
    if claim.boot:
        if claim.boot == boot():  # one system, whatever its containers are called: its locks are known to all
            return claim.locked
        return claim.locked and claim.host == host() and is_own_disk(path)  # started anew since
    if claim.locked:  # on systems that cannot tell one start from another
        return claim.host == host() and is_own_disk(path)
    return claim.host in (None, host()) and not _lives(claim.pid)


def _lives(pid: int) -> bool:
    """Whether a process of that number is there; not whether it is the one that made a claim."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _refusal(file: Path, holder: Holder) -> str:
    process = f"process {holder.pid}" if holder.pid else "another process"
    where = f" of {shown(holder.host)}" if holder.host else ""
    refusal = f"a run is merged by one process at a time: {file.parent.name} is held by {process}{where}"
    if holder.sure:
        return refusal
    return (
        f"{refusal}, of which cannot be known from here whether it still runs; if it surely does not, take over by "
        f"deleting {file} or with resume --take-over: if it does, two would spoil the run"
    )
