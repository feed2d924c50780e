"""Hidden folders beside the runs, in which a run is made, unpacked or deleted; what a kill leaves of them is swept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from otmf_core import layout
from otmf_core.files import not_written
from otmf_core.runs.lock import owned, owner

PREFIXES = (".create-", ".import-", ".deleted-")
UNCLAIMED_SECONDS = 600  # after which a folder without a claim was left: making one takes no time


@contextmanager
def draft_folder(out: Path, prefix: str) -> Iterator[Path]:
    """A new hidden folder in `out`, claimed by this process and gone at the end, and so are those that others left.

    Raises InputError where it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        sweep(out)
        folder = Path(mkdtemp(prefix=prefix, dir=out))
    except OSError as error:
        raise not_written(error, out) from error
    try:
        with owned(folder):
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)  # while it is held: nobody sweeps what is being deleted
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(out: Path) -> None:
    """Delete the hidden folders of processes that are surely gone."""
    for prefix in PREFIXES:
        for folder in out.glob(f"{prefix}*"):
            claimed = (folder / layout.CLAIM).exists() or (folder / layout.LOCK).exists()
            if owner(folder) is None and (claimed or _age(folder) > UNCLAIMED_SECONDS):
                shutil.rmtree(folder, ignore_errors=True)


def _age(folder: Path) -> float:
    """Seconds since a folder changed."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0
