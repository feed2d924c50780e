"""Labelled examples of a split, and the tables of images that they are read from: columns image and label, Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.pictures import open_picture, picture_size
from otmf_core.tables import first_row, read_table, table_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from otmf_core.models.base import Inputs

MAX_ROWS = 2_000_000  # of a split
MAX_BYTES = 4 << 30  # of its images, decoded
TABLE = "images come as a Parquet table with columns image and label"
Split = Literal["calibration", "labelled", "test"]


@dataclass(frozen=True, eq=False)
class Examples:
    """n examples: what a tower reads of them, and their labels, int64 (n,)."""

    inputs: Inputs
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def count(path: Path) -> int:
    """The number of examples in a table, from its footer; raises InputError when it is damaged."""
    return table_rows(path, TABLE)


def read_labels(path: Path) -> list[int]:
    """The labels of a table, −1 where there is none; no image is read. Raises InputError on a damaged table."""
    import pyarrow as pa

    column = read_table(path, ["label"], TABLE, max_rows=MAX_ROWS)["label"]
    labels: list[int] = []
    try:
        for chunk in column.chunks:
            if isinstance(chunk, pa.DictionaryArray):  # texts, of which a number may be made
                numbers = chunk.dictionary.cast(pa.int32())
                chunk = numbers.take(chunk.indices)
            labels += chunk.cast(pa.int32()).fill_null(-1).to_pylist()
    except (pa.ArrowException, TypeError) as error:
        raise InputError(f"{TABLE}: {path} (label: {brief(error)})") from None
    return labels


def check_labels(labels: Sequence[int], classes: int, split: str, task: str, path: Path) -> None:
    """Raise InputError when a split is empty, has a label out of range or, the test aside, a single class."""
    if not labels:
        raise InputError(f"a {split} set needs images: {task} has none in {path}")
    if min(labels) < 0 or max(labels) >= classes:
        raise InputError(f"labels lie in 0…{classes - 1}: found {min(labels)} to {max(labels)} in {path}")
    if split != "test" and len(set(labels)) < 2:
        raise InputError(f"a {split} set needs at least two classes: {task} has one in {path}")


def read_images(path: Path, first: int | None) -> Tensor:
    """The images of a table, or its `first` ones (from 1), decoded: uint8 (n, height, width, 3).

    Raises InputError on a damaged table or picture, on pictures of different sizes, and on more than MAX_BYTES.
    """
    import numpy as np
    import torch

    column = image_column(path)
    rows = len(column) if first is None else min(first, len(column))
    pixels: Any = None
    for row, blob in enumerate(picture_bytes(column, path, rows)):
        picture = open_picture(blob, f"row {row} of {path}")
        if pixels is None:
            size = rows * picture.height * picture.width * 3
            if size > MAX_BYTES:
                raise InputError(f"images of a split have at most {MAX_BYTES >> 30} GiB decoded: {path} has more")
            pixels = np.empty((rows, picture.height, picture.width, 3), np.uint8)
        if (picture.height, picture.width) != pixels.shape[1:3]:
            raise InputError(
                f"images of a split are pictures of one size: row {row} is {picture.height} × {picture.width}, the "
                f"first is {pixels.shape[1]} × {pixels.shape[2]}, in {path}"
            )
        pixels[row] = np.asarray(picture)
    if pixels is None:
        raise InputError(f"images of a split are pictures of one size: there is none in {path}")
    return torch.from_numpy(pixels)


def image_column(path: Path) -> pa.ChunkedArray:
    """The column of images of a table, for `picture_bytes`; raises InputError as `read_table` does."""
    return read_table(path, ["image"], TABLE, max_rows=MAX_ROWS)["image"]


def check_first(path: Path, size: tuple[int, int]) -> None:
    """Raise InputError unless the first picture of a table, by its header, is of this height and width."""
    column = first_row(path, ["image", "label"], TABLE)["image"]
    for blob in picture_bytes(column, path, min(1, len(column))):
        found = picture_size(blob, f"row 0 of {path}")
        if found != size:
            raise InputError(
                f"images have the size that the model takes, {size[0]} × {size[1]}: the first is {found[0]} × "
                f"{found[1]} in {path}"
            )


def picture_bytes(column: pa.ChunkedArray, path: Path, rows: int) -> Iterator[bytes]:
    """The files in a column of images, its first `rows`: bytes, or {bytes, path} as Hugging Face has them.

    A path is never followed: an image without bytes raises InputError.
    """
    import pyarrow as pa

    row = 0
    for chunk in column.chunks:
        if pa.types.is_struct(chunk.type):
            if chunk.type.get_field_index("bytes") < 0:
                raise InputError(f"{TABLE}: {path} (image is {shown(chunk.type)}, without bytes)")
            chunk = chunk.flatten()[chunk.type.get_field_index("bytes")]  # null where the whole image is
        kind = chunk.type.value_type if pa.types.is_dictionary(chunk.type) else chunk.type
        if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)):
            raise InputError(f"{TABLE}: {path} (image is of type {shown(kind)}, not bytes)")
        for value in chunk:
            if row == rows:
                return
            blob = value.as_py()
            if blob is None:
                raise InputError(f"{TABLE}: {path} (row {row} has an image without bytes)")
            yield blob
            row += 1
