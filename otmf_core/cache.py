"""What is worth remembering between two starts, in the user's own cache folder: hashes of large files, made heads.

Everything in it can be made again, so that it may be deleted at any time. OTMF_CACHE names another folder.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from otmf_core.errors import InputError
from otmf_core.files import mark, read_object, sha256, write_json

PROGRAM = "OTMF"  # whose folder it is
LARGE = 4 << 20  # bytes of a file; a smaller one is hashed sooner than it is remembered


def cache_folder() -> Path:
    """The folder of everything that is remembered."""
    return Path(os.environ.get("OTMF_CACHE") or user_cache_path(PROGRAM, appauthor=False))


def remembered_sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file: computed once, and remembered as long as its time, size and inode stay.

    Raises OSError where the file cannot be read.
    """
    if path.stat().st_size < LARGE:
        return sha256(path)
    stamp, whole = list(mark(path) or ()), str(path.resolve())
    note = cache_folder() / "hashes" / f"{hashlib.sha256(whole.encode(errors='surrogatepass')).hexdigest()}.json"
    with suppress(InputError):  # a note that is missing or damaged is made anew
        known = read_object(note)
        if known.get("path") == whole and known.get("mark") == stamp and isinstance(known.get("sha256"), str):
            return known["sha256"]
    digest = sha256(path)
    with suppress(InputError):  # a folder that cannot be written remembers nothing
        write_json(note, {"path": whole, "mark": stamp, "sha256": digest})
    return digest
