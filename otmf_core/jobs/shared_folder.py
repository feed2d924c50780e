"""The runs folder as a cluster has it: the mark by which nodes know it, and how runs come back where they do not."""

from __future__ import annotations

import io
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import write_text
from otmf_core.runs.archive import import_run
from otmf_core.runs.drafts import draft_folder
from otmf_core.runs.folder import is_done
from otmf_core.runs.lock import owned

MARK = ".cluster"  # the file of the mark


def mark_of(out: Path) -> str:
    """The mark of a runs folder, which no other has, made where there is none; raises InputError on a full disk."""
    with suppress(OSError, UnicodeDecodeError):
        text = (out / MARK).read_text(encoding="utf-8")
        if re.fullmatch("[0-9a-f]{32}", text):  # a folder is named by it elsewhere
            return text
    text = secrets.token_hex(16)
    write_text(out / MARK, text)
    return text


def has_mark(out: Path, mark: str) -> bool:
    """Whether the folder of that path here is the one with this mark."""
    try:
        return (out / MARK).read_text(encoding="utf-8") == mark
    except (OSError, UnicodeDecodeError):
        return False


def bring(content: bytes, out: Path, run: str) -> None:
    """Put a run's folder into `out` from its whole zip, which is read first as one from a stranger is.

    Notes and what was told to trackers stay as they are there, and a finished run as it is. Raises InputError.
    """
    with draft_folder(out, ".import-") as draft:
        if import_run(io.BytesIO(content), draft, whole=True) != run:
            raise InputError(f"a run comes back under its own id: {run} came as another one")
        here, came = out / run, draft / run
        if here.is_dir():
            with owned(here):
                if is_done(here):  # it was gone on with here while the cluster was lost
                    return
                for name in (layout.NOTES, layout.TRACKING):
                    if (here / name).is_file():
                        shutil.copy(here / name, came / name)
                here.rename(draft / "before")
        came.rename(here)
