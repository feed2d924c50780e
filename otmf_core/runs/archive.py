"""A run as one zip: written so that the same run gives the same bytes, and read back as from a stranger.

A zip to import may be hostile. Its table of contents is checked whole before anything is written: only regular files
of known kinds, in one folder, under plain names that cannot lead out of it, within stated limits. Then it is unpacked
into a temporary folder inside the runs folder, read there as any run is, and moved into place in one step.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import brief, directory_bytes, inside, not_written, shown
from otmf_core.runs.check import check_run
from otmf_core.runs.drafts import draft_folder
from otmf_core.runs.folder import set_status

MAX_FILES = 2_000
MAX_BYTES = 8 << 30  # unpacked
MAX_JSON_BYTES = 16 << 20  # of each JSON file and model card, which are read whole
OWN = re.compile(r"owner\.|tracking\.")  # what only the machine that merges can use
LEFT_OUT = re.compile(rf"{layout.RESUME}/|{OWN.pattern}")
MAX_DIRECTORY_BYTES = 4 << 20  # of the zip's own table of contents
NAME_BYTES = 255  # of each part of a name, as disks have it
RESERVED = r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$|/))"  # which are no files on Windows
PART = rf"{RESERVED}[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"  # no dot first, last or twice: never . or ..
FILE = re.compile(rf"(?:{PART}/){{0,5}}{PART}")
ANYWHERE = re.compile(r"[^\\/:*?\"<>|\x00-\x1f\x7f]+(?:/[^\\/:*?\"<>|\x00-\x1f\x7f]+)*/?")  # a name on every system
NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
KINDS = (".json", ".parquet", ".safetensors")
MODEL_CARDS = {f"{folder}/{layout.CARD}" for folder in layout.EXPORTS.values()}  # all other files of a run folder
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can state
BLOCK = 1 << 20
DAMAGED = "a run is imported from a whole zip file, received a damaged one ({})"


def write_zip(folder: Path, file: IO[bytes], name: str | None = None, *, whole: bool = False) -> None:
    """Write a run folder, or its export, as a zip into an open binary file; the same content gives the same bytes.

    Names are <name, by default the folder's, made plain>/<path inside it>, in order. What a merge continues from, the
    claim of its process, and files that are none of a run's stay behind. Weights and tables are stored as they are
    (they hardly shrink), the rest deflated. A `whole` one has what a merge continues from, too. Raises InputError for a
    link, which could lead out of the folder.
    """
    top, left_out = plain(name or folder.name), OWN if whole else LEFT_OUT
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise InputError(f"a zip holds the files of its folder: {path} is a link")
            if not path.is_file() or left_out.match(inner) or not _is_of_a_run(inner):
                continue
            entry = zipfile.ZipInfo(f"{top}/{inner}", EPOCH)
            entry.create_system = 3  # Unix, wherever it is written
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.file_size = path.stat().st_size  # tells zipfile whether the entry needs 64-bit sizes
            stored = path.suffix in (".safetensors", ".parquet")
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            with path.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, BLOCK)


def plain(name: str) -> str:
    """The name of a run's folder that every system has: its letters and digits of ASCII, with hyphens for the rest."""
    kept = name if re.fullmatch(PART, name) else NOT_PLAIN.sub("-", name).strip("-")
    return kept if re.fullmatch(PART, kept) else f"run-{kept}".rstrip("-")


def _is_of_a_run(inner: str) -> bool:
    """Whether a path inside a run folder, or in its export, is one of theirs, by its name alone."""
    return FILE.fullmatch(inner) is not None and (inner.endswith(KINDS) or inner in {*MODEL_CARDS, layout.CARD})


def import_run(file: IO[bytes], out: Path, *, whole: bool = False) -> str:
    """Unpack a run's zip as a new folder of the runs folder `out`; returns the run's id, the name of its folder.

    A run that is queued or running in the zip is interrupted here; what it continues from comes with a `whole` one.
    Raises InputError, and leaves nothing behind, when the zip is damaged or not a run's (see `_members` and
    `check_run`), when the disk is full, or when `out` has a run of that id: a run is imported once, so that its id
    means the same run everywhere.
    """
    if directory_bytes(file) > MAX_DIRECTORY_BYTES:
        raise InputError(f"a run's zip has at most {MAX_FILES:,} files, received a longer table of contents")
    try:
        with zipfile.ZipFile(file) as archive:
            run, members = _members(archive, OWN if whole else LEFT_OUT)
            if os.path.lexists(out / run):
                raise InputError(f"a run is imported once: {run} is here already")
            return _unpack(archive, run, members, out)
    except InputError:
        raise
    except (NotImplementedError, RuntimeError) as error:  # an unknown method, or encrypted
        raise InputError(f"a run's zip is plain or deflated, received another ({brief(error)})") from None
    except OSError as error:
        if error.errno is None:  # of an unpacker, not of the system
            raise InputError(DAMAGED.format(brief(error))) from None
        raise not_written(error, out) from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError, LookupError) as error:
        raise InputError(DAMAGED.format(brief(error))) from None


def _members(archive: zipfile.ZipFile, left_out: re.Pattern[str]) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The id of the zip's one run and its files by their path in the run folder; raises InputError for anything else.

    Files that are none of a run's, and what desktops put into folders, are left out. Refused: absolute names, names
    that lead elsewhere or mean different files on different systems, links, devices, encrypted files, two files of one
    name (in any case), a file that is another's folder, more than MAX_FILES files, or more than MAX_BYTES unpacked.
    """
    entries = archive.infolist()
    if len(entries) > MAX_FILES:
        raise InputError(f"a run's zip has at most {MAX_FILES:,} files, received {len(entries):,}")
    runs: set[str] = set()
    members: dict[str, tuple[str, zipfile.ZipInfo]] = {}
    for entry in entries:
        letters = shown(entry.orig_filename)
        # orig_filename: zipfile itself cuts names at a zero byte and replaces the separators of its own system
        path = _safe_path(entry)
        if path is None or path.parts[0] == "__MACOSX" or any(part.startswith(".") for part in path.parts):
            continue
        run, name = path.parts[0], "/".join(path.parts[1:])
        if not name:
            raise InputError(f"a run's zip holds one folder, the run's: {letters} is not in it")
        runs.add(run)
        if left_out.match(name) or (not name.endswith(KINDS) and name not in MODEL_CARDS):
            continue
        if not FILE.fullmatch(name):
            raise InputError(f"a run's zip holds one folder, the run's, of plain names: {letters} is none")
        if entry.flag_bits & 0x1:
            raise InputError(f"a run's zip is not encrypted: {letters} is")
        if (name.endswith(".json") or name in MODEL_CARDS) and entry.file_size > MAX_JSON_BYTES:
            raise InputError(f"a text file of a run has at most {MAX_JSON_BYTES >> 20} MiB: {letters} has more")
        if name.casefold() in members:
            raise InputError(f"a run's zip holds every file once: {letters} is there twice")
        members[name.casefold()] = name, entry
    total = sum(entry.file_size for _, entry in members.values())
    if total > MAX_BYTES:
        raise InputError(f"a run's zip unpacks to at most {MAX_BYTES >> 20:,} MiB, received {total >> 20:,} MiB")
    if len(runs) != 1:
        raise InputError(f"a run's zip holds one folder, the run's, received {len(runs)}")
    for name in members:
        for parent in Path(name).parents:
            if parent.as_posix() in members:
                raise InputError(f"a file is no folder: {parent.as_posix()!r} is both in this zip")
    return plain(runs.pop()), dict(members.values())


def _safe_path(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """The path of an entry, None of a folder; raises InputError for one that could lead or mean anything elsewhere."""
    letters = shown(entry.orig_filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    folder = entry.orig_filename.endswith("/")
    if kind not in (0, stat.S_IFDIR if folder else stat.S_IFREG):
        raise InputError(f"a run's zip holds files and folders only: {letters} is a link or a device")
    parts = entry.orig_filename.removesuffix("/").split("/")
    plain_parts = all(
        part not in (".", "..") and part == part.strip() and len(part.encode(errors="replace")) <= NAME_BYTES
        for part in parts
    )
    if not plain_parts or not ANYWHERE.fullmatch(entry.orig_filename):
        raise InputError(f"a run's zip holds one folder, the run's, of plain names: {letters} is none")
    return None if folder else PurePosixPath(*parts)


def _unpack(archive: zipfile.ZipFile, run: str, members: dict[str, zipfile.ZipInfo], out: Path) -> str:
    with draft_folder(out, ".import-") as draft:
        total = sum(entry.file_size for entry in members.values())
        if total > shutil.disk_usage(out).free:
            raise InputError(f"the disk is full: {total >> 20:,} MiB of the run do not fit into {out}")
        folder = draft / run
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
