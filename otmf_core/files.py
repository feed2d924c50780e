"""Files that are whole or absent: atomic writes, hashes, and paths that stay inside their folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Mark = tuple[int, int, int] | None


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling that becomes `path` when the block succeeds and disappears when it does not."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        with draft.open("r+b") as file:
            os.fsync(file.fileno())  # so that a file that names this one never outlives it in a power cut
        draft.chmod(0o644)  # safetensors writes files that only their owner can read
        os.replace(draft, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"the disk is full: {path} was not written") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise InputError(f"the folder must be writable: {path} was not written ({error.strerror})") from error
        raise
    finally:
        if draft.exists():
            draft.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; raises InputError on a full or read-only disk."""
    with _replacing(path) as draft:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, ensure_ascii=False, allow_nan=False)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text atomically; raises InputError on a full or read-only disk."""
    with _replacing(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """Read JSON; raises InputError when the file is missing, unreadable or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"a file is missing: {path}") from None
    except OSError as error:
        raise InputError(f"a file must be readable: {path} ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # of a number of thousands of digits, of brackets without end
        raise InputError(f"a file must be valid JSON: {path} ({error})") from None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises InputError as `read_json` does, and when the file holds another value."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise InputError(f"a file must hold a JSON object: {path} holds {type(value).__name__}")
    return value


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write safetensors atomically, without a second copy in memory; raises InputError on a full disk."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with _replacing(path) as draft:
        try:
            save_file(tensors, draft, metadata)
        except SafetensorError as error:
            if f"os error {errno.ENOSPC}" in str(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise


def write_table(path: Path, columns: dict[str, list]) -> None:
    """Write a Parquet table atomically; raises InputError on a full disk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _replacing(path) as draft:
        pq.write_table(pa.table(columns), draft, compression="zstd")


def mark(file: Path) -> Mark:
    """A stamp that changes with every writing of a file: time, size and, for two within a tick of the clock, the inode.

    None where there is no such file.
    """
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def inside(root: Path, name: str) -> Path:
    """The path of `name` under `root`; raises InputError when it leads out of that folder."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise InputError(f"a file must lie inside its folder: {name!r} leads out of {root}")
    return path
