"""WebDataset's tars: members key.jpg and key.cls side by side, in shards of splits, and perhaps classnames.txt."""

from __future__ import annotations

import tarfile
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.importers.splits import MAX_ROWS, Dataset, Rows, by_number, in_order, split_in
from otmf_core.library.importers.tree import read_text

LAYOUT = "WebDataset tars"
RULE = "a shard of WebDataset is a tar of pictures and their classes, key.jpg and key.cls"
IMAGE = ("jpg", "jpeg", "png", "webp")
LABEL = "cls"
MAX_MEMBERS = 4 * MAX_ROWS
MAX_PICTURE_BYTES = 256 << 20
MAX_LABEL_BYTES = 20
MAX_NAMES = 1 << 20  # bytes of classnames.txt


def find(files: Sequence[str]) -> set[str]:
    """The folder itself, if there are tars in it."""
    return {""} if any(map(reads, files)) else set()


def reads(name: str) -> bool:
    return name.endswith(".tar")


def open_tars(path: Path, files: Sequence[str], config: str | None) -> Dataset:
    """The data set in the tars of a folder, or in one; without a name of a split all is train.

    Raises InputError on a damaged tar and on a picture without a class, or the reverse.
    """
    tars = sorted(filter(reads, files), key=by_number)
    named = {name: split_in(name) for name in tars}
    if not any(named.values()):
        named = dict.fromkeys(tars, "train")
    shards: dict[str, list[tuple[Path, int, array]]] = defaultdict(list)
    for name, split in named.items():
        if split:
            file = path / name if path.is_dir() else path
            shards[split].append((file, 0, array("q", (label for _, _, label in _samples(file)))))
    folder = path if path.is_dir() else path.parent
    places = {folder, *(file.parent for each in shards.values() for file, _, _ in each)}
    lists = [place / "classnames.txt" for place in sorted(places) if (place / "classnames.txt").is_file()]
    names = read_text(lists[0], MAX_NAMES).splitlines() if lists else []
    classes = tuple(name.strip() for name in names if name.strip())
    return Dataset(LAYOUT, path, classes, in_order({split: Rows(each) for split, each in shards.items()}))


def read(file: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """The pictures that are those rows of a tar, as they are stored; raises InputError on a damaged tar."""
    places = array("q", (number for start, size, _ in _samples(file) for number in (start, size)))
    with _damaged(file), file.open("rb") as opened:
        for row in rows:
            if 2 * row >= len(places):
                raise InputError(f"a data set stays as it was listed: {file} has {len(places) // 2:,} rows")
            opened.seek(places[2 * row])
            yield opened.read(places[2 * row + 1])


def _samples(file: Path) -> Iterator[tuple[int, int, int]]:
    """Where each picture of a tar starts, its size, and its label. Links and devices are skipped."""
    key, place, label = "", None, None
    for name, start, size, text in _members(file):
        folder, slash, own = name.rpartition("/")
        stem, _, kind = own.partition(".")
        if folder + slash + stem != key:
            yield from _sample(key, place, label, file)
            key, place, label = folder + slash + stem, None, None
        if kind.lower() in IMAGE and place is None:
            place = (start, size)
        elif kind.lower() == LABEL:
            if not text.strip().lstrip(b"-").isdigit():
                raise InputError(f"a label is a whole number: {shown(name)} is {shown(text)} in {file}")
            label = int(text)
    yield from _sample(key, place, label, file)


def _sample(key: str, place: tuple[int, int] | None, label: int | None, file: Path) -> Iterator[tuple[int, int, int]]:
    if place is not None and label is not None:
        yield (*place, label)
    elif place is not None or label is not None:
        lack = "class" if label is None else "picture"
        raise InputError(f"a sample is a picture and its class: {shown(key)} has no {lack} in {file}")


def _members(file: Path) -> Iterator[tuple[str, int, int, bytes]]:
    """Name, place and size of each regular member of a tar, and what is in it if it is a label."""
    with _damaged(file), file.open("rb") as opened, tarfile.open(fileobj=opened, mode="r:") as tar:
        for number in range(MAX_MEMBERS + 1):
            member = tar.next()
            if member is None:
                opened.seek(tar.offset)
                if opened.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                    raise InputError(f"{RULE}: {file} (damaged or cut off behind member {number})")
                return
            tar.members = []  # type: ignore[attr-defined]  # which would keep all of them
            if not member.isreg() or member.issparse() or Path(member.name).name.startswith("."):
                continue
            text = b""
            if member.name.lower().endswith(f".{LABEL}"):
                if member.size > MAX_LABEL_BYTES:
                    raise InputError(f"a label is a whole number: {shown(member.name)} is longer in {file}")
                opened.seek(member.offset_data)
                text = opened.read(member.size)
            elif member.size > MAX_PICTURE_BYTES:
                raise InputError(
                    f"a picture has at most {MAX_PICTURE_BYTES >> 20} MiB: {shown(member.name)} has more in {file}"
                )
            yield member.name, member.offset_data, member.size, text
    raise InputError(f"{RULE}: {file} has more than {MAX_MEMBERS:,} members")


@contextmanager
def _damaged(file: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        raise InputError(f"{RULE}: {file} ({brief(error)})") from None
