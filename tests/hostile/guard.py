"""What a reader does to the machine beside reading: processes, the network, and files elsewhere, as Python audits them.

Audit hooks stay for the life of a process; this one is idle outside `watched`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REACHES = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.startfile",
    "pty.spawn", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.sendto", "socket.bind", "urllib.Request", "pickle.find_class",
}  # fmt: skip
WRITES = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod", "os.chown",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_watching: list[tuple[tuple[str, ...], tuple[str, ...], list[str]]] = []
_installed: list[bool] = []


@contextmanager
def watched(writable: Path, forbidden: Path) -> Iterator[list[str]]:
    """What the block does beyond writing under `writable`: a line for each, also for looking into `forbidden`."""
    if not _installed:
        sys.addaudithook(_audit)
        _installed.append(True)
    seen: list[str] = []
    # what a merge asks the kernel there is that its peak begin anew
    allowed = (str(writable.resolve()), os.devnull, f"/proc/{os.getpid()}/clear_refs", "/proc/self/clear_refs")
    _watching.append((allowed, (str(forbidden.resolve()),), seen))
    try:
        yield seen
    finally:
        _watching.pop()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or not (event in REACHES or event in WRITES or event == "open"):
        return
    writable, forbidden, seen = _watching[-1]
    if event in REACHES:
        seen.append(f"{event} {arguments!r:.200}")
    elif event == "open":
        path, _, flags = arguments
        if not isinstance(path, int) and _is_in(path, forbidden):
            seen.append(f"open {path!r}")
        if not isinstance(path, int) and flags and flags & WRITING and not _is_in(path, writable):
            seen.append(f"open for writing {path!r}")
    else:
        for path in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
            relative_to_open_folder = not isinstance(path, int) and arguments[-1] != -1 and not os.path.isabs(path)
            if not isinstance(path, int) and not relative_to_open_folder and not _is_in(path, writable):
                seen.append(f"{event} {path!r}")


def _is_in(path: str | bytes | os.PathLike, folders: tuple[str, ...]) -> bool:
    name = os.path.abspath(os.fsdecode(path))
    if "__pycache__" in name and folders[-1] == os.devnull:  # compiled modules are the interpreter's own
        return True
    return any(name == folder or name.startswith(folder + os.sep) for folder in folders)


def tree(root: Path) -> dict[str, tuple[int, int, int]]:
    """Every file, folder and link under `root`: kind, size and time of writing by its path."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            state = os.lstat(path)
            size = 0 if os.path.isdir(path) else state.st_size
            found[os.path.relpath(path, root)] = (state.st_mode, size, state.st_mtime_ns)
    return found


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer, also while it waits for a pipe; of the main thread."""

    def late(signal_number: int, frame: object) -> None:
        raise TimeoutError(f"no answer after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
