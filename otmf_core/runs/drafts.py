"""Hidden folders beside the runs, in which a run is made, unpacked or deleted; what a kill leaves of them is swept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from otmf_core import layout
from otmf_core.errors import InputError
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
    except OSError as error:
        raise not_written(error, out) from error
    with ExitStack() as claim:
        folder = _claimed_folder(out, prefix, claim)
        try:
            yield folder
        finally:  # while it is held: what a kill leaves of it is swept
            for path in folder.iterdir():
                if path.name not in (layout.CLAIM, layout.LOCK):
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
            claim.close()
            shutil.rmtree(folder, ignore_errors=True)


def _claimed_folder(out: Path, prefix: str, claim: ExitStack) -> Path:
    while True:
        try:
            folder = Path(mkdtemp(prefix=prefix, dir=out))
        except OSError as error:
            raise not_written(error, out) from error
        try:
            claim.enter_context(owned(folder))
        except InputError:
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)
                raise
        else:
            return folder  # nobody took it for one that was left, between the two calls


def sweep(out: Path) -> None:
    """Delete the hidden folders of processes that are surely gone."""
    for prefix in PREFIXES:
        for folder in out.glob(f"{prefix}*"):
            claimed = (folder / layout.CLAIM).exists() or (folder / layout.LOCK).exists()
            if owner(folder) is not None:
                continue
            if claimed or _age(folder) > UNCLAIMED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                with suppress(OSError):
                    folder.rmdir()  # the last thing that a kill may leave, where it is empty


def _age(folder: Path) -> float:
    """Seconds since a folder changed."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0
