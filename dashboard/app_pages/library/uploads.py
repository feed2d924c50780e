"""Checkpoints that a user brings, one file each, kept in the folder of their library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from otmf_core.errors import InputError
from otmf_core.files import shown, write_bytes

TYPES = ("safetensors", "pt", "bin")
MOST_BYTES = 2 << 30
LONGEST = 60  # characters of a file's name before its ending


class Upload(Protocol):
    """What Streamlit's uploader returns: the name that the browser sent, and the content in memory."""

    name: str
    size: int

    def getbuffer(self) -> memoryview: ...


def store(upload: Upload, folder: Path) -> Path:
    """Write an upload into `folder`, under its own name as far as that is a plain one and not taken; return the path.

    Raises InputError on another kind of file, on one that is too large, and on a full disk.
    """
    stem, ending = _plain(upload.name)
    if upload.size > MOST_BYTES:
        raise InputError(
            f"an upload has at most {MOST_BYTES >> 30} GiB, received {upload.size / 2**30:.1f} in {shown(upload.name)}"
        )
    names = (f"{stem}{f'-{number}' if number else ''}.{ending}" for number in range(10_000))
    path = next(folder / name for name in names if not (folder / name).exists())
    write_bytes(path, upload.getbuffer())
    return path


def _plain(name: str) -> tuple[str, str]:
    """The name without its ending, of letters, digits, - and _, and the ending."""
    stem, _, ending = re.split(r"[/\\]", name)[-1].rpartition(".")
    ending = ending.lower()
    if ending not in TYPES:
        raise InputError(f"an upload is a file of {', '.join(TYPES)}, received {shown(name)}")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:LONGEST] or "model", ending
