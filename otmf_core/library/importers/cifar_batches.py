"""CIFAR-10 and CIFAR-100 as their makers publish them: pickles of Python 2, read without executing them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.importers.arrays import png
from otmf_core.library.importers.plain_pickle import read_plain
from otmf_core.library.importers.splits import Dataset, Rows, by_number, in_order

LAYOUT = "CIFAR batches"
RULE = "a batch of CIFAR is a pickle of plain values and an array"
BATCHES = re.compile(r"data_batch_\d+|test_batch|train|test")
META = ("batches.meta", "meta")
SIDE = 32
MAX_BATCH = 512 << 20  # bytes


def find(files: Sequence[str]) -> set[str]:
    """The folders that hold a list of classes and a batch."""
    named = {file.rpartition("/")[0] for file in files if file.rpartition("/")[2] in META}
    return named & {file.rpartition("/")[0] for file in files if reads(file.rpartition("/")[2])}


def reads(name: str) -> bool:
    return BATCHES.fullmatch(name) is not None


def open_batches(path: Path, files: Sequence[str], config: str | None) -> Dataset:
    """The data set in a folder of batches, CIFAR-100 with its fine labels.

    Raises InputError on a damaged batch, and on one that asks for anything but values and arrays.
    """
    meta = _load(path / next(name for name in META if name in files))
    names = meta.get("label_names") or meta.get("fine_label_names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"CIFAR names its classes in label_names or fine_label_names: {path} does not")
    parts: dict[str, list[tuple[Path, int, list[int]]]] = {}
    for name in sorted(filter(reads, files), key=by_number):
        batch = _load(path / name)
        labels = batch.get("labels", batch.get("fine_labels"))
        if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
            raise InputError(f"{RULE}: {path / name} (no labels or fine_labels)")
        rows = len(_images(batch, path / name))
        if rows != len(labels):
            raise InputError(f"each image has a label: there are {rows:,} and {len(labels):,} in {path / name}")
        parts.setdefault("test" if name.startswith("test") else "train", []).append((path / name, 0, labels))
    return Dataset(LAYOUT, path, tuple(names), in_order({split: Rows(each) for split, each in parts.items()}))


def read(file: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """Rows of the images in a batch, as PNG; raises InputError on a damaged one."""
    images = _images(_load(file), file)
    for row in rows:
        if row >= len(images):
            raise InputError(f"a data set stays as it was listed: {file} has {len(images):,} rows now, not {row:,}")
        yield png(images[row].reshape(3, SIDE, SIDE).transpose(1, 2, 0).copy())


def _images(batch: dict[str, Any], file: Path) -> Any:
    data: Any = batch.get("data")
    if getattr(data, "ndim", 0) != 2 or data.shape[1] != 3 * SIDE * SIDE:
        raise InputError(f"{RULE}: {file} (data is {shown(getattr(data, 'shape', None))}, not (n, {3 * SIDE * SIDE}))")
    return data


def _load(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MAX_BATCH:
        raise InputError(f"{RULE}, of at most {MAX_BATCH >> 20} MiB: {file} has more")
    try:
        value = read_plain(file.read_bytes())
    except ValueError as error:
        raise InputError(f"{RULE}: {file} ({brief(error)})") from None
    if not isinstance(value, dict):
        raise InputError(f"{RULE}: {file} holds {type(value).__name__}")
    return {key.decode("latin1") if isinstance(key, bytes) else str(key): entry for key, entry in value.items()}
