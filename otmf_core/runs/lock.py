"""The claim on a run: which process is merging it, so that no other one does.

A claim names its host, its process and when that process began. Whether a process of another host lives cannot be known
from here, so that its claim is never taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import write_json


class Holder(NamedTuple):
    """The process that holds a run; `host` is None on this one."""

    pid: int
    host: str | None = None


def owner(path: Path) -> Holder | None:
    """The process that is merging the run in this folder now, or None."""
    try:
        return _holder((path / layout.CLAIM).read_bytes())
    except OSError:
        return None


def _holder(claim: bytes) -> Holder | None:
    """The living process that made a claim; None for a damaged one, or one by a process of this host that is gone.

    Claims of version 0.1.0 name no host; they count as this one's.
    """
    try:
        content = json.loads(claim)
        pid, host = int(content["pid"]), content.get("host")
        if host not in (None, platform.node()):
            return Holder(pid, str(host))
        process = psutil.Process(pid)
        alive = abs(process.create_time() - content["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
        return Holder(pid) if alive else None
    except (AttributeError, ValueError, psutil.Error, KeyError, TypeError):
        return None


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold a run while merging it; raises InputError when another process (or thread) holds it."""
    draft = path / f".owner-{secrets.token_hex(8)}.json"
    claim = {"host": platform.node(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    write_json(draft, claim)
    try:
        _claim(path / layout.CLAIM, draft)
    finally:
        draft.unlink()
    try:
        yield
    finally:
        (path / layout.CLAIM).unlink(missing_ok=True)


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
            claim = file.read_bytes()
            holder = _holder(claim)
            if holder is not None:
                raise InputError(_refusal(file, holder))
            takeover = file.with_name(f"{file.stem}.{hashlib.sha256(claim).hexdigest()[:16]}.json")
            _claim(takeover, draft)
            try:
                if file.read_bytes() == claim:
                    file.unlink()
            finally:
                takeover.unlink()


def _refusal(file: Path, holder: Holder) -> str:
    refusal = f"a run is merged by one process at a time: {file.parent.name} is held by process {holder.pid}"
    if holder.host is None:
        return refusal
    return f"{refusal} of {holder.host}; only if that one is surely gone, delete {file} by hand"
