"""Files that are whole or absent: atomic writes, hashes, and paths that stay inside their folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from otmf_core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

Mark = tuple[int, int, int] | None
MAX_JSON_BYTES = 64 << 20  # of a file that is read whole
ZIP_END_BYTES = 70_000  # of a zip, that hold the end of its table of contents and a comment
QUOTED = 160  # characters of a path in a sentence
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a character, if the other half is missing


def not_written(error: OSError, path: Path) -> InputError:
    """The sentence for a file or folder that the system did not let be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"the disk is full: {path} was not written")
    if error.errno == errno.EFBIG:
        return InputError(f"a file is no larger than its disk or a limit allows: {path} was not written")
    if error.errno == errno.ENAMETOOLONG:
        return InputError(f"a path is as short as its disk allows, received {shown(path)}")
    return InputError(f"the folder must be writable: {path} was not written ({error.strerror})")


def shown(value: object, most: int = QUOTED) -> str:
    """A path, a name or another value as a sentence quotes it: escaped, and shortened in the middle."""
    text = repr(str(value) if isinstance(value, Path) else value)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def brief(error: Exception) -> str:
    """What an exception of a library says, on one line and no longer than a sentence can quote."""
    return " ".join(str(error).split())[:QUOTED]


def user_path(text: str) -> Path:
    """The path that a user typed, ~ expanded; raises InputError for one that no disk can have."""
    if "\0" in text:
        raise InputError(f"a path has no zero byte, received {shown(text)}")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InputError(f"a path that begins with ~ names a user of this machine, received {shown(text)}") from None


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling that becomes `path` when the block succeeds and disappears when it does not."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            with draft.open("r+b") as file:
                os.fsync(file.fileno())  # so that a file that names this one never outlives it in a power cut
            with suppress(OSError):  # disks without modes
                draft.chmod(0o644)  # safetensors writes files that only their owner can read
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        if error.errno == errno.EIO:
            raise
        raise not_written(error, path) from error


def sweep_drafts(folder: Path) -> None:
    """Delete what a process that was killed while it wrote left in a folder and those in it."""
    for draft in folder.rglob(".*.part"):
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


def write_rows(path: Path, head: Mapping[str, Any], name: str, rows: Iterable[Any]) -> None:
    """Write `head` as JSON with `rows` under `name`, a compact line each, atomically; raises as `write_json` does."""

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    write_text(path, f"{compact(head)[:-1]},{compact(name)}:[\n" + ",\n".join(map(compact, rows)) + "\n]}\n")


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file atomically; raises InputError on a full or read-only disk."""
    with _replacing(path) as draft:
        draft.write_bytes(content)


def read_json(path: Path) -> Any:
    """Read JSON of at most MAX_JSON_BYTES; raises InputError when it is missing, unreadable, larger or damaged.

    Damaged is also text that is no Unicode.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            raise InputError(f"a file must be readable: {path} (no regular file)")
        with path.open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
        if len(content) > MAX_JSON_BYTES:
            raise InputError(f"a JSON file has at most {MAX_JSON_BYTES >> 20} MiB: {path} has more")
        text = content.decode("utf-8")
        value = json.loads(text)
        if SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except FileNotFoundError:
        raise InputError(f"a file is missing: {path}") from None
    except OSError as error:
        raise InputError(f"a file must be readable: {path} ({error.strerror})") from None
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # of a number of thousands of digits, of brackets without end
        raise InputError(f"a file must be valid JSON: {path} ({brief(error)})") from None


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
            code = re.search(r"os error (\d+)", str(error))
            if code is None:
                raise
            raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


def write_table(path: Path, columns: dict[str, list]) -> None:
    """Write a Parquet table atomically; raises InputError on a full disk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _replacing(path) as draft, draft.open("wb") as file:  # a path would be read as a location: ~, s3://
        pq.write_table(pa.table(columns), file, compression="zstd")


@contextmanager
def table_writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Write a Parquet table atomically, a row group with every call; raises InputError on a full disk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _replacing(path) as draft, draft.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema))


def directory_bytes(file: IO[bytes]) -> int:
    """The size that a zip states for its own table of contents, so that it can be bounded before it is read whole.

    It stands at the end of the file, and once more before that in zips of over 4 GiB: the larger one.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - ZIP_END_BYTES))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    stated = [struct.unpack_from("<L", tail, at + 12)[0]] if at >= 0 and len(tail) >= at + 22 else []
    large = tail.rfind(b"PK\x06\x06", 0, max(at, 0))
    if large >= 0 and len(tail) >= large + 56:
        stated = [value for value in stated if value != 0xFFFFFFFF] + [struct.unpack_from("<Q", tail, large + 40)[0]]
    return max(stated, default=0)


def mark(file: Path) -> Mark:
    """A stamp that changes with every writing of a file: time, size and, for two within a tick of the clock, the inode.

    None where there is no such file.
    """
    try:
        stat = os.stat(file)
    except (OSError, ValueError):  # of a name that no disk can have
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
    """The path of `name` under `root`; raises InputError when it leads out of that folder, or nowhere."""
    try:
        path = (root / name).resolve()
        if path.is_relative_to(root.resolve()):
            path.exists()  # raises where a part of the name is longer than a disk has
            return path
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a zero byte
        reason = error.strerror if isinstance(error, OSError) else brief(error)
        raise InputError(f"a file must lie inside its folder: {shown(name)} leads nowhere ({reason})") from None
    raise InputError(f"a file must lie inside its folder: {shown(name)} leads out of {root}")
