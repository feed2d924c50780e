"""Labelled examples of a split, and the tables of images that they are read from: columns image and label, Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from otmf_core.errors import InputError
from otmf_core.library.encoded import named_pictures
from otmf_core.library.images import Images
from otmf_core.library.labels import count
from otmf_core.library.pictures import picture_size

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.models.inputs import Inputs

MAX_BYTES = 4 << 30  # of images that are kept, decoded
KEPT_BYTES = 8 << 20  # of a split's images, decoded: more are decoded whenever they are read
Split = Literal["calibration", "labelled", "test"]


@dataclass(frozen=True, eq=False)
class Examples:
    """n examples: what a tower reads of them, and their labels, int64 (n,)."""

    inputs: Inputs
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def kept(images: Images, always: bool) -> Images | Tensor:
    """Images that are few, or all where `always`, decoded; others as they are; raises InputError as they are read."""
    return read_images(images) if always or decoded_bytes(images) <= KEPT_BYTES else images


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
