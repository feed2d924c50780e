"""Labelled examples of a split, and the tables of images that they are read from: columns image and label, Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from otmf_core.errors import InputError
from otmf_core.files import brief
from otmf_core.library.encoded import TABLE, named_pictures
from otmf_core.library.images import Images
from otmf_core.library.pictures import picture_size
from otmf_core.tables import read_table, table_rows

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.models.inputs import Inputs

MAX_ROWS = 2_000_000  # of a split
MAX_BYTES = 4 << 30  # of images that are kept, decoded
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
            if not pa.types.is_integer(chunk.type):  # a cast loads all of pyarrow.compute
                chunk = chunk.cast(pa.int32())
            labels += [-1 if label is None else label for label in chunk.to_pylist()]
    except (pa.ArrowException, TypeError) as error:
        raise InputError(f"{TABLE}: {path} (label: {brief(error)})") from None
    return labels


def check_labels(labels: Sequence[int], classes: int, split: str, task: str, path: Path) -> None:
    """Raise InputError when a split is empty, has a label out of range or, the test aside, a single class."""
    if not labels:
        raise InputError(f"a {split} set needs examples: {task} has none in {path}")
    if min(labels) < 0 or max(labels) >= classes:
        raise InputError(f"labels lie in 0…{classes - 1}: found {min(labels)} to {max(labels)} in {path}")
    if split != "test" and len(set(labels)) < 2:
        raise InputError(f"a {split} set needs at least two classes: {task} has one in {path}")


def read_images(images: Images) -> Tensor:
    """All of them, decoded: uint8 (n, height, width, 3); raises InputError when they are more than MAX_BYTES."""
    if decoded_bytes(images) > MAX_BYTES:
        raise InputError(f"images that are kept have at most {MAX_BYTES >> 30} GiB decoded: {images.path} has more")
    return images.read()


def decoded_bytes(images: Images) -> int:
    """The bytes that they take when they are decoded."""
    return len(images) * images.how.height * images.how.width * 3


def check_first(path: Path) -> None:
    """Raise InputError unless a table has columns of images and labels, and its first picture is one by its header."""
    if not count(path):
        return
    blob, where = next(iter(named_pictures(path, [0])))
    picture_size(blob, where)
