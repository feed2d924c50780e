"""A run as one zip: written so that the same run gives the same bytes, and read back as from a stranger.

A zip to import may be hostile. Its table of contents is checked whole before anything is written: only regular files
of known kinds, in one folder, under plain names that cannot lead out of it, within stated limits. Then it is unpacked
into a temporary folder inside the runs folder, read there as any run is, and moved into place in one step.
"""

from __future__ import annotations

import errno
import re
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import inside
from otmf_core.runs.check import check_run
from otmf_core.runs.folder import set_status

MAX_FILES = 2_000
MAX_BYTES = 8 << 30  # unpacked
MAX_JSON_BYTES = 16 << 20  # of each JSON file and model card, which are read whole
LEFT_OUT = re.compile(rf"{layout.RESUME}/|owner\.")  # what only the machine that merges can use
PART = r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"  # no dot first, last or twice: never . or ..
NAME = re.compile(rf"(?P<run>{PART})/(?P<file>(?:{PART}/){{0,5}}{PART})")
KINDS = (".json", ".parquet", ".safetensors")
MODEL_CARD = f"{layout.EXPORT}/{layout.CARD}"  # the only other file that a run folder holds
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can state
BLOCK = 1 << 20


def write_zip(folder: Path, file: IO[bytes], name: str | None = None) -> None:
    """Write a folder as a zip into an open binary file, block by block; the same content gives the same bytes.

    Names are <name, by default the folder's>/<path inside it>, in order. What a merge continues from and the claim of
    its process stay behind. Weights and tables are stored as they are (they hardly shrink), the rest deflated. Raises
    InputError for a link, which could lead out of the folder.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise InputError(f"a zip holds the files of its folder: {path} is a link")
            if not path.is_file() or LEFT_OUT.match(inner) or path.name.startswith("."):
                continue
            entry = zipfile.ZipInfo(f"{name or folder.name}/{inner}", EPOCH)
            entry.create_system = 3  # Unix, wherever it is written
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.file_size = path.stat().st_size  # tells zipfile whether the entry needs 64-bit sizes
            stored = path.suffix in (".safetensors", ".parquet")
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            with path.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, BLOCK)


def import_run(file: IO[bytes], out: Path) -> str:
    """Unpack a run's zip as a new folder of the runs folder `out`; returns the run's id, the name of its folder.

    A run that is queued or running in the zip is interrupted here. Raises InputError, and leaves nothing behind, when
    the zip is damaged or not a run's (see `_members` and `check_run`), when the disk is full, or when `out` has a run
    of that id: a run is imported once, so that its id means the same run everywhere.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            run, members = _members(archive)
            if (out / run).exists():
                raise InputError(f"a run is imported once: {run} is here already")
            return _unpack(archive, run, members, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, UnicodeDecodeError) as error:
        raise InputError(f"a run is imported from a whole zip file, received a damaged one ({error})") from None
    except (NotImplementedError, RuntimeError) as error:  # an unknown method, or encrypted
        raise InputError(f"a run's zip is plain or deflated, received another ({error})") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f"the disk is full: the run was not imported into {out}") from error
        raise InputError(f"the folder must be writable: {out} ({error.strerror})") from error


def _members(archive: zipfile.ZipFile) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The id of the zip's one run and its files by their path in the run folder; raises InputError for anything else.

    Refused: absolute names, names that lead elsewhere or mean different files on different systems, links, devices,
    encrypted files, unknown kinds, two files of one name (in any case), a file that is another's folder, more than
    MAX_FILES files, or more than MAX_BYTES unpacked.
    """
    entries = archive.infolist()
    if len(entries) > MAX_FILES:
        raise InputError(f"a run's zip has at most {MAX_FILES:,} files, received {len(entries):,}")
    runs: set[str] = set()
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        letters = repr(entry.orig_filename[:100])
        kind = stat.S_IFMT(entry.external_attr >> 16)
        folder = entry.orig_filename.endswith("/")
        if kind not in (0, stat.S_IFDIR if folder else stat.S_IFREG):
            raise InputError(f"a run's zip holds files and folders only: {letters} is a link or a device")
        # orig_filename: zipfile itself cuts names at a zero byte and replaces the separators of its own system
        path = NAME.fullmatch(entry.orig_filename)
        if folder and NAME.fullmatch(f"{entry.orig_filename}x"):
            continue
        if not path:
            raise InputError(f"a run's zip holds one folder, the run's, of plain names: {letters} is none")
        name = path["file"]
        if Path(name).suffix not in KINDS and name != MODEL_CARD:
            raise InputError(f"a run is made of {', '.join(KINDS)} files, received {letters}")
        if name.startswith("owner."):
            raise InputError(f"a claim belongs to the machine of its process: {letters} cannot be imported")
        if entry.flag_bits & 0x1:
            raise InputError(f"a run's zip is not encrypted: {letters} is")
        if (name.endswith(".json") or name == MODEL_CARD) and entry.file_size > MAX_JSON_BYTES:
            raise InputError(f"a text file of a run has at most {MAX_JSON_BYTES >> 20} MiB: {letters} has more")
        if name.casefold() in members:
            raise InputError(f"a run's zip holds every file once: {letters} is there twice")
        runs.add(path["run"])
        members[name.casefold()] = entry
    total = sum(entry.file_size for entry in members.values())
    if total > MAX_BYTES:
        raise InputError(f"a run's zip unpacks to at most {MAX_BYTES >> 20:,} MiB, received {total >> 20:,} MiB")
    if len(runs) != 1:
        raise InputError(f"a run's zip holds one folder, the run's, received {len(runs)}")
    for name in members:
        for parent in Path(name).parents:
            if parent.as_posix() in members:
                raise InputError(f"a file is no folder: {parent.as_posix()!r} is both in this zip")
    (run,) = runs
    return run, {entry.filename.removeprefix(f"{run}/"): entry for entry in members.values()}


def _unpack(archive: zipfile.ZipFile, run: str, members: dict[str, zipfile.ZipInfo], out: Path) -> str:
    out.mkdir(parents=True, exist_ok=True)
    total = sum(entry.file_size for entry in members.values())
    if total > shutil.disk_usage(out).free:
        raise InputError(f"the disk is full: {total >> 20:,} MiB of the run do not fit into {out}")
    with TemporaryDirectory(prefix=".import-", dir=out) as draft:
        folder = Path(draft) / run
        for name, entry in members.items():
            target = inside(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("xb") as copy:  # reads no more than the stated size
                shutil.copyfileobj(source, copy, BLOCK)
        try:
            status = check_run(folder).status
        except InputError as error:
            raise InputError(str(error).replace(str(folder), run)) from None
        if status in ("queued", "running", "interrupted"):
            set_status(folder, "interrupted")
        folder.rename(out / run)
    return run
