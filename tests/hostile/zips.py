"""Zips that are no run's, lead out of their folder, lie about their size, or unpack to more than a machine has."""

from __future__ import annotations

import copy
import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.case import Expected

Members = dict[str, bytes]  # path inside the run's folder → content


@dataclass(frozen=True)
class ZipCase:
    """A hostile zip: `make` is given the members of a sound one."""

    name: str
    make: Callable[[Members], bytes]
    expected: Expected = "refused"

    def __str__(self) -> str:
        return self.name


RUN = "20261122-100000-otmf-0001"
NAMES = (
    "../evil.json", "../../evil.json", "/etc/evil.json", "C:/evil.json", "C:\\evil.json", "\\\\host\\share\\evil.json",
    f"{RUN}/../evil.json", f"{RUN}/steps/../../evil.json", f"{RUN}//evil.json", f"{RUN}/./evil.json",
    f"{RUN}\\..\\evil.json", f"{RUN}/.hidden.json", f"{RUN}/a:stream.json", f"{RUN}/trail./x.json", f"{RUN}/x.json ",
    f"{RUN}/ x.json", f"{RUN}/x\n.json", f"{RUN}/é.json", f"{RUN}/\u202ex.json", f"{RUN}/%2e%2e/x.json", f"{RUN}/x.py",
    f"{RUN}/a/b/c/d/e/f/g/h.json", f"{RUN}/x.pkl", f"{RUN}/export/README.md.exe", f"{RUN}/owner.json", "status.json",
    f"{RUN}/owner.abc.json", "other/status.json", f"{RUN}/{'a' * 300}.json", f"{'b' * 300}/x.json", f"{RUN}/~/x.json",
    f"{RUN}/$HOME.json", f"{RUN}/steps/02/masks.pt", f"{RUN}/x",
)  # fmt: skip
RESERVED = ("CON.json", "nul.json", "AUX/x.json", "COM1.json", "steps/PRN/x.json")  # no files on Windows
FOLDERS = (".", "..", "-rf", "CON", "a" * 300, "a b", "ä", "~")
KINDS = {
    "link": stat.S_IFLNK, "pipe": stat.S_IFIFO, "character device": stat.S_IFCHR, "block device": stat.S_IFBLK,
    "socket": stat.S_IFSOCK,
}  # fmt: skip
LEFT_OUT = {  # of what is no file of a run
    f"{RUN}/{name}"
    for name in (".hidden.json", "x.py", "x.pkl", "export/README.md.exe", "owner.json", "owner.abc.json", "x")
} | {f"{RUN}/steps/02/masks.pt"}


def members(run: Path) -> Members:
    """The files of a run folder, as its zip has them."""
    files = sorted(path for path in run.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def packed(files: Members, run: str = RUN, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of one folder."""
    return archive([(f"{run}/{name}", content) for name, content in files.items()], method)


def archive(entries: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these entries, in order, also where two have one name."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as target:
        warnings.simplefilter("ignore")
        for name, content in entries:
            entry = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)  # of no moment of its own
            target.writestr(entry, content, method)
    return file.getvalue()


def cases() -> Iterator[ZipCase]:
    """A case for every hostile zip."""
    yield ZipCase("a sound zip", packed, "read")
    for name in NAMES:
        expected: Expected = "either" if name in LEFT_OUT else "refused"
        yield ZipCase(f"a file is {name[:60]!r}", lambda files, name=name: _added(files, name), expected)
    for name in RESERVED:
        yield ZipCase(f"a file is {name}", lambda files, name=name: _added(files, f"{RUN}/{name}"), "either")
    for name in FOLDERS:
        yield ZipCase(f"the run is {name[:9]!r}", lambda files, name=name: packed(files, name), "either")
    for name, kind in KINDS.items():
        yield ZipCase(f"a file is a {name}", lambda files, kind=kind: _added(files, _entry("x.json", kind)))
    yield ZipCase("a folder is a link", lambda files: _added(files, _entry("steps", stat.S_IFLNK), b"/tmp"))
    yield from _names_that_collide()
    yield from _whole_files()
    yield from _entries_that_lie()


def _names_that_collide() -> Iterator[ZipCase]:
    yield ZipCase("a file is there twice", lambda files: _added(files, f"{RUN}/status.json"))
    yield ZipCase("a file is there in capitals", lambda files: _added(files, f"{RUN}/STATUS.json"))
    yield ZipCase("a folder is there in capitals", lambda files: _added(files, f"{RUN}/Steps/09/x.json"), "either")
    yield ZipCase("a file is a folder, too", lambda files: packed({**files, "a.json/x.json": b"{}", "a.json": b"{}"}))
    zero = {"in a name": b"aQb.json", "behind a name": b"a.jsonQb", "before a way out": b"a.jsonQ/../x"}
    for label, name in zero.items():

        def made(files: Members, name: bytes = name) -> bytes:
            return packed({**files, name.decode(): b"{}"}).replace(name, name.replace(b"Q", b"\0"))

        yield ZipCase(f"a zero byte {label}", made)


def _whole_files() -> Iterator[ZipCase]:
    yield ZipCase("nothing", lambda files: b"")
    yield ZipCase("no zip", lambda files: b"hello" * 99)
    yield ZipCase("an empty zip", lambda files: archive([]))
    yield ZipCase("a folder alone", lambda files: archive([(f"{RUN}/", b"")]))
    yield ZipCase("half a zip", lambda files: packed(files)[: len(packed(files)) // 2])
    yield ZipCase("a zip without its end", lambda files: packed(files)[:-30])
    yield ZipCase("a program before the zip", lambda files: b"MZ" + b"x" * 999 + packed(files), "either")
    yield ZipCase("letters behind the zip", lambda files: packed(files) + b"x" * 999, "either")
    yield ZipCase("a zip in a zip", lambda files: archive([("a.zip", packed(files))]))
    yield ZipCase("two runs", lambda files: archive([(f"{run}/{n}", c) for run in "ab" for n, c in files.items()]))
    yield ZipCase("too many files", lambda files: packed({**files, **{f"x{i}.json": b"{}" for i in range(2_001)}}))
    yield ZipCase("bzip2", lambda files: packed(files, method=zipfile.ZIP_BZIP2), "either")
    yield ZipCase("lzma", lambda files: packed(files, method=zipfile.ZIP_LZMA), "either")
    yield ZipCase("a run that is here already", lambda files: packed(files, "here"))


def _entries_that_lie() -> Iterator[ZipCase]:
    # of a central record: bytes 8 flags, 10 method, 16 checksum, 20 packed size, 24 size, 42 where the entry begins
    lies: dict[str, tuple[int, str, int]] = {
        "encrypted": (8, "<H", 1), "of an unknown method": (10, "<H", 99), "packed by bzip2": (10, "<H", 12),
        "packed by lzma": (10, "<H", 14), "packed by zstd": (10, "<H", 93), "of another checksum": (16, "<I", 7),
        "of 10 bytes": (24, "<I", 10), "of no bytes": (24, "<I", 0), "of 4 GiB": (24, "<I", 0xFFFFFFF0),
        "packed to no bytes": (20, "<I", 0), "packed to 4 GiB": (20, "<I", 0xFFFFFFF0), "elsewhere": (42, "<I", 5),
        "behind the end": (42, "<I", 0xFFFFFFF0),
    }  # fmt: skip
    for label, (place, form, value) in lies.items():

        def made(files: Members, place: int = place, form: str = form, value: int = value) -> bytes:
            content = bytearray(packed(files))
            struct.pack_into(form, content, content.rindex(f"{RUN}/record.json".encode()) - 46 + place, value)
            return bytes(content)

        yield ZipCase(f"the record is {label}", made, "either" if label == "packed to 4 GiB" else "refused")
    yield ZipCase("the directory begins before the file", lambda files: _directory(files, 16, 0xFFFFFF00))
    yield ZipCase("the directory is longer than the file", lambda files: _directory(files, 12, 0xFFFFFF00))
    yield ZipCase("the directory has another number of entries", lambda files: _directory(files, 8, 0xFFFF), "either")


def _directory(files: Members, place: int, value: int) -> bytes:
    content = bytearray(packed(files))
    struct.pack_into("<I" if value > 0xFFFF else "<H", content, len(content) - 22 + place, value)
    return bytes(content)


def _added(files: Members, name: str | zipfile.ZipInfo, content: bytes = b"{}") -> bytes:
    return archive([*[(f"{RUN}/{path}", content) for path, content in files.items()], (name, content)])


def _entry(name: str, kind: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{RUN}/{name}")
    entry.create_system = 3
    entry.external_attr = (kind | 0o666) << 16
    return entry


def overlapping(files: Members, size: int, count: int) -> bytes:
    """A zip of which many names mean one entry of that size, so that it unpacks to far more than it holds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(f"{RUN}/{name}", content)
        target.writestr(f"{RUN}/z.safetensors", b"\0" * size)
        for index in range(count):
            again = copy.copy(target.filelist[-1])
            again.filename = again.orig_filename = f"{RUN}/z{index:03d}.safetensors"
            target.filelist.append(again)
            target.NameToInfo[again.filename] = again
    return file.getvalue()
