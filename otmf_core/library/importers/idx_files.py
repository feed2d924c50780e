"""MNIST and its kin as their makers publish them: idx files of images and of labels, compressed or not.

EMNIST has several variants in one folder, images that lie on their side, and letters that count from 1.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from otmf_core.errors import InputError
from otmf_core.files import brief
from otmf_core.library.importers.arrays import png
from otmf_core.library.importers.splits import MAX_BYTES, SPLITS, Dataset, Rows, check_rows, choose, in_order

LAYOUT = "idx files"
RULE = "an idx file is a header and as many bytes as it states"
IMAGES = re.compile(r"(?:emnist-([a-z]+)-)?(train|t10k|test)-images[-.]idx3-ubyte(\.gz)?")
LETTERS = "letters"
BYTES = 8  # the type of unsigned bytes in an idx header


def find(files: Sequence[str]) -> set[str]:
    """The folders that hold idx files of images."""
    return {file.rpartition("/")[0] for file in files if reads(file.rpartition("/")[2])}


def reads(name: str) -> bool:
    return IMAGES.fullmatch(name) is not None


def open_idx(path: Path, files: Sequence[str], config: str | None) -> Dataset:
    """The data set in a folder of idx files; of EMNIST `config` names the variant, as letters or emnist-letters.

    Raises InputError on a damaged or cut file, and when images and labels differ in number.
    """
    variants: dict[str, dict[str, str]] = {}
    for name in sorted(files, reverse=True):  # a file that was unpacked stands before the same with .gz
        match = IMAGES.fullmatch(name)
        if match:
            variants.setdefault(match[1] or "", {})[SPLITS.get(match[2], "test")] = name
    chosen = choose(config and config.lower().removeprefix("emnist-"), variants, path)
    splits = {}
    for split, name in variants[chosen].items():
        labels = name.replace("-images", "-labels").replace("idx3", "idx1")
        if labels not in files:
            other = labels.removesuffix(".gz") if labels.endswith(".gz") else f"{labels}.gz"
            labels = other if other in files else labels
        with _opened(path / name) as (_, shape):
            rows = shape[0]
        with _opened(path / labels, 1) as (file, shape):
            if shape[0] != rows:
                raise InputError(f"each image has a label: {split} has {rows:,} and {shape[0]:,} in {path}")
            numbers = _read(file, rows)
        splits[split] = Rows([(path / name, 0, [n - 1 for n in numbers] if chosen == LETTERS else numbers)])
    return Dataset(LAYOUT, path, (), in_order(splits))


def read(file: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """Rows of the images in a file, upright, as PNG; raises InputError on a damaged file."""
    import numpy as np

    with _opened(file) as (opened, (count, height, width)):
        start = opened.tell()
        for row in rows:
            if row >= count:
                raise InputError(f"a data set stays as it was listed: {file} has {count:,} rows now, not {row:,}")
            opened.seek(start + row * height * width)
            pixels = np.frombuffer(_read(opened, height * width), np.uint8).reshape(height, width)
            yield png(pixels.T if file.name.startswith("emnist-") else pixels)


@contextmanager
def _opened(file: Path, dimensions: int = 3) -> Iterator[tuple[IO[bytes], tuple[int, ...]]]:
    """A file behind its header, and the shape that the header states."""
    opener: Any = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rb") as opened:
            zero, kind, count = struct.unpack(">HBB", _read(opened, 4))
            if (zero, kind, count) != (0, BYTES, dimensions):
                raise ValueError(f"no header of bytes in {dimensions} dimensions")
            shape = struct.unpack(f">{dimensions}I", _read(opened, 4 * dimensions))
            size = shape[0]
            for length in shape[1:]:
                size *= length
            check_rows(shape[0], file)
            if size > MAX_BYTES or 0 in shape[1:]:
                raise ValueError(f"{' × '.join(map(str, shape))} bytes are none, or more than are read")
            if file.suffix != ".gz" and file.stat().st_size != opened.tell() + size:
                raise ValueError(f"{file.stat().st_size:,} bytes are not {' × '.join(map(str, shape))} and a header")
            yield opened, shape
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"a file is missing: {file}") from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{RULE}: {file} ({brief(error)})") from None


def _read(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("it ends too early")
    return data
