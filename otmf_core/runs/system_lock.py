"""A lock of the operating system on a file: it ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from otmf_core.files import not_written

PATIENCE = 0.5  # seconds that a lock may be held by one who merely looks
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, alone: bool) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(file: int, alone: bool) -> None:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


class LockHeldError(Exception):
    """Another process, or another thread of this one, holds the lock."""


def acquire(path: Path) -> int | None:
    """Lock the file `path`, which is made for it; returns what `release` takes, None on a disk without locks.

    Raises LockHeldError when another holds it, and InputError where the file cannot be made.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | FLAGS, 0o644)
        except OSError as error:
            raise not_written(error, path) from error
        try:
            _lock(file, alone=True)
            if _still_there(file, path):
                return file
            os.close(file)  # given up, and its file deleted, between the two calls
        except OSError as error:
            os.close(file)
            if error.errno in NO_LOCKS:
                return None
            if time.monotonic() >= deadline:
                raise LockHeldError from error
            time.sleep(0.01)


def release(path: Path, file: int) -> None:
    """Delete the file and give up the lock on it."""
    with suppress(OSError):  # Windows deletes no open file; elsewhere the folder may have moved on
        if _still_there(file, path):
            path.unlink()
    with suppress(OSError):
        _unlock(file)
    os.close(file)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on the file `path` now."""
    try:
        file = os.open(path, os.O_RDONLY | FLAGS)
    except OSError:
        return False
    try:
        _lock(file, alone=False)
        _unlock(file)
    except OSError as error:
        return error.errno not in NO_LOCKS
    finally:
        os.close(file)
    return False


def _still_there(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
