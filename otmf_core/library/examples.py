"""Labelled examples of a split, and the tables of images that they are read from: columns image and label, Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from otmf_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.models.base import Inputs


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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"images come as a Parquet table: {path} ({error})") from None


def read_labels(path: Path) -> list[int]:
    """The labels of a table, −1 where there is none; no image is read. Raises InputError on a damaged table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        if missing := {"image", "label"} - set(schema.names):
            raise KeyError(f"{missing.pop()} is missing")
        labels = pq.read_table(path, columns=["label"])["label"]
        return labels.cast(pa.int32()).fill_null(-1).to_pylist()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError(f"images come as a Parquet table with columns image and label: {path} ({error})") from None


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

    Raises InputError on a damaged table or picture, and on pictures of different sizes.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from PIL import Image

    try:
        blobs = pq.read_table(path, columns=["image"])["image"].slice(0, first).to_pylist()
        pictures = [np.asarray(Image.open(io.BytesIO(blob)).convert("RGB")) for blob in blobs]
        return torch.from_numpy(np.stack(pictures))
    except (pa.ArrowException, OSError, SyntaxError, TypeError, ValueError) as error:
        raise InputError(f"images of a split are pictures of one size: {path} ({error})") from None
