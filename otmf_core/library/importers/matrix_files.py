"""SVHN's .mat files and STL-10's .bin files, as their makers publish them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.library.importers.arrays import png
from otmf_core.library.importers.mat_file import load_numbers, variables
from otmf_core.library.importers.splits import MAX_BYTES, Dataset, Rows, check_rows, in_order
from otmf_core.library.importers.tree import read_text

SVHN = re.compile(r"(train|test|extra)_32x32\.mat")
STL10 = re.compile(r"(train|test)_X\.bin")
BYTES = 9  # MATLAB's class of unsigned bytes
SIDE = 96  # of STL-10's pictures
MAX_NAMES = 1 << 20


def find(files: Sequence[str]) -> set[str]:
    """The folders that hold such files."""
    return {file.rpartition("/")[0] for file in files if reads(file.rpartition("/")[2])}


def reads(name: str) -> bool:
    return bool(SVHN.fullmatch(name) or STL10.fullmatch(name))


def open_matrices(path: Path, files: Sequence[str], config: str | None) -> Dataset:
    """The data set in a folder of them, or in one of SVHN; raises InputError on damaged files, and on other shapes."""
    splits, classes, layout = {}, (), "SVHN"
    for name in files:
        file = path / name if path.is_dir() else path
        if match := SVHN.fullmatch(name):
            rows, numbers = _svhn_shape(file)[3], load_numbers(file, "y").ravel().astype("int64").tolist()
            labels = [0 if number == 10 else number for number in numbers]
        elif match := STL10.fullmatch(name):
            layout, rows = "STL-10", _stl_rows(file)
            labels = [number - 1 for number in _bytes(path / f"{match[1]}_y.bin")]
        else:
            continue
        check_rows(rows, file)
        if len(labels) != rows:
            raise InputError(f"each image has a label: {match[1]} has {rows:,} and {len(labels):,} in {path}")
        splits[match[1]] = Rows([(file, 0, labels)])
    if "class_names.txt" in files:
        classes = tuple(read_text(path / "class_names.txt", MAX_NAMES).split())
    return Dataset(layout, path, classes, in_order(splits))


def read(file: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """Rows of the images in a file, as PNG; raises InputError on a damaged file."""
    import numpy as np

    if SVHN.fullmatch(file.name):
        _svhn_shape(file)
        images = load_numbers(file, "X").transpose(3, 0, 1, 2)
    else:
        count = _stl_rows(file)
        images = np.memmap(file, np.uint8, "r", shape=(count, 3, SIDE, SIDE)).transpose(0, 3, 2, 1)  # by columns
    for row in rows:
        if row >= len(images):
            raise InputError(f"a data set stays as it was listed: {file} has {len(images):,} rows now, not {row:,}")
        yield png(np.ascontiguousarray(images[row], np.uint8))


def _svhn_shape(file: Path) -> tuple[int, ...]:
    found = variables(file).get("X")
    if found is None or found.kind != BYTES or len(found.shape) != 4 or found.shape[2] != 3:
        raise InputError(f"SVHN's X is (height, width, 3, n) bytes: it is {found and found.shape} in {file}")
    return found.shape


def _stl_rows(file: Path) -> int:
    size = file.stat().st_size
    rows, rest = divmod(size, 3 * SIDE * SIDE)
    if rest or not rows or size > MAX_BYTES:
        raise InputError(f"STL-10's images are 3 × {SIDE} × {SIDE} bytes each: {file} has {size:,} bytes")
    return rows


def _bytes(file: Path) -> bytes:
    try:
        check_rows(file.stat().st_size, file)
        return file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"a file is missing: {file}") from None
