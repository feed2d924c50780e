"""What a data set is, whatever its layout: splits of labelled pictures, each made when it is asked for."""

from __future__ import annotations

import re
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import overload

from otmf_core.errors import InputError
from otmf_core.files import shown

MAX_ROWS = 2_000_000  # of a split
MAX_BYTES = 4 << 30  # of an array, as it unpacks
MAX_CLASSES = 10_000
# What folders and files call the splits that are read; corrupted copies of a test split have other names.
SPLITS = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "extra": "extra",
}
SHARD = re.compile(rf"(?:.*[-_.])?({'|'.join(SPLITS)})(?:[-_.]?\d+(?:-of-\d+)?(?:-[0-9a-f]+)?)?\.[a-z.]+")
ORDER = ("train", "validation", "test", "extra")


@dataclass(frozen=True)
class Picture:
    """A labelled picture: the row-th of its file, 0 where the file is the picture."""

    file: Path
    row: int
    label: int


@dataclass(frozen=True)
class Dataset:
    """A data set on disk: its splits train, validation, test and extra, as far as it has them.

    `classes` are names in the order of the labels, () where nothing names them.
    """

    layout: str
    where: Path
    classes: tuple[str, ...]
    splits: Mapping[str, Sequence[Picture]]


class Pictures(Sequence[Picture]):
    """The pictures of a split, of which little but the labels is kept."""

    labels: Sequence[int]

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        numbers = range(len(self))[index]
        return self._picture(numbers) if isinstance(numbers, int) else [self._picture(number) for number in numbers]

    @abstractmethod
    def _picture(self, index: int) -> Picture: ...


class Files(Pictures):
    """Pictures that are files, by their names under a folder."""

    def __init__(self, folder: Path, names: Sequence[str], labels: Iterable[int]) -> None:
        self.folder, self.names, self.labels = folder, names, array("q", iter(labels))

    def _picture(self, index: int) -> Picture:
        return Picture(self.folder / self.names[index], 0, self.labels[index])


class Rows(Pictures):
    """Pictures that are rows of files: of each part, a file and its first row, as many as it has labels."""

    def __init__(self, parts: Iterable[tuple[Path, int, Iterable[int]]]) -> None:
        # iterated, since an array of bytes would take them for its memory
        each = [(file, first, array("q", iter(labels))) for file, first, labels in parts]
        self.files = [(file, first) for file, first, _ in each]
        self.starts = [0, *accumulate(len(labels) for _, _, labels in each)]
        self.labels = array("q")
        for _, _, labels in each:
            self.labels += labels

    def _picture(self, index: int) -> Picture:
        part = bisect_right(self.starts, index) - 1
        file, first = self.files[part]
        return Picture(file, first + index - self.starts[part], self.labels[index])


def check_dataset(dataset: Dataset) -> Dataset:
    """The same; raises InputError on a split without pictures or with too many, and on labels that are no class."""
    for split, pictures in dataset.splits.items():
        assert isinstance(pictures, Pictures)
        check_rows(len(pictures), dataset.where)
        if not len(pictures):
            raise InputError(f"a split holds pictures: {split} is empty in {dataset.where}")
        low, high, classes = min(pictures.labels), max(pictures.labels), len(dataset.classes)
        if low < 0:
            raise InputError(f"pictures have a class: {split} has unlabelled ones ({low}) in {dataset.where}")
        if high >= (classes or MAX_CLASSES):
            raise InputError(
                f"labels lie in 0…{(classes or MAX_CLASSES) - 1}: {split} has {low} to {high} in {dataset.where}"
            )
    return dataset


def check_rows(rows: int, where: Path) -> None:
    """Raise InputError on more pictures than a split may have."""
    if rows > MAX_ROWS:
        raise InputError(f"a split has at most {MAX_ROWS:,} pictures: {rows:,} are in {where}")


def in_order(splits: Mapping[str, Pictures]) -> dict[str, Pictures]:
    """The splits as they are listed."""
    return {split: splits[split] for split in ORDER if split in splits}


def split_in(name: str) -> str | None:
    """The split that a file's path names, by its own name ("train-00000-of-00002") or a folder ("test/0.tar")."""
    *folders, file = name.split("/")
    own = SHARD.fullmatch(file.lower())
    word = own[1] if own else folders[-1].lower() if folders else ""
    return SPLITS.get(word)


def by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts 10.tar behind 2.tar."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def choose(config: str | None, found: Iterable[str], where: Path) -> str:
    """The configuration that is meant; raises InputError where there are several and none of them is."""
    names = sorted(found)
    if (len(names) == 1 and config in (None, names[0])) or names == [""]:
        return names[0]
    if config in names:
        return config
    listed = shown(", ".join(names), 200)
    raise InputError(
        f"a configuration is one of the data set's, received {shown(config)}: there are {listed} in {where}"
    )
