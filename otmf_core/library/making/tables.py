"""The table of a split, written: pictures that it holds, or refers to where they are; damaged ones are left out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from otmf_core.files import shown, table_writer
from otmf_core.library.decoding import damaged
from otmf_core.library.importers import folders, parquet_tables, webdataset
from otmf_core.library.importers.datasets import Picture, read_pictures
from otmf_core.library.preparation import Preparation

GROUP = 256  # rows of a row group, which are in memory at a time
NAMED = 3  # of the pictures left out


@dataclass
class LeftOut:
    """The pictures of a task that could not be read."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, picture: Picture) -> None:
        self.count += 1
        if len(self.names) < NAMED:
            self.names.append(f"{picture.file.name}" + (f", row {picture.row}" if picture.row else ""))

    def sentence(self, of: int) -> str:
        """What was left out of so many, or nothing."""
        if not self.count:
            return ""
        names = "; ".join(shown(name, 80) for name in self.names) + (" …" if self.count > len(self.names) else "")
        return f"{self.count:,} of {of:,} pictures could not be read: {names}"


def write_split(
    path: Path,
    pictures: Sequence[Picture],
    how: Preparation,
    copy: bool,
    left_out: LeftOut,
    report: Callable[[int], None],
) -> list[int]:
    """Write the table of a split and return the labels of what is in it; every picture is decoded once, to see it can.

    `report` hears how many pictures are done. Raises InputError where the data set cannot be read.
    """
    import pyarrow as pa

    held = copy or not all(_encoded(picture.file.name) for picture in pictures[:1])
    if held:
        schema = pa.schema([("image", pa.binary()), ("label", pa.int32())])
    else:
        schema = pa.schema([("file", pa.string()), ("row", pa.int64()), ("sha256", pa.string()), ("label", pa.int32())])
    labels: list[int] = []
    with table_writer(path, schema) as write:
        rows: list[dict[str, Any]] = []
        for done, (picture, blob) in enumerate(_whole(pictures, how, left_out), start=1):
            if blob is not None:
                labels.append(picture.label)
                rows.append(_row(picture, blob, held))
            if len(rows) == GROUP or done == len(pictures):
                write(rows)
                rows = []
                report(done)
    return labels


def _encoded(file: str) -> bool:
    """Whether pictures are stored in it as files, so that they can be referred to; arrays are encoded on the way."""
    return any(layout.reads(file) for layout in (folders, parquet_tables, webdataset))


def _whole(pictures: Sequence[Picture], how: Preparation, left_out: LeftOut) -> Iterator[tuple[Picture, bytes | None]]:
    """Every picture with its file, or None where it cannot be decoded, which is noted."""
    waiting: list[bytes] = []  # those that are being decoded, in order

    def named() -> Iterator[tuple[bytes, str]]:
        for blob in read_pictures(pictures):
            waiting.append(blob)
            yield blob, "a picture"

    for picture, mistake in zip(pictures, damaged(named(), how), strict=True):
        blob = waiting.pop(0)
        if mistake:
            left_out.add(picture)
            yield picture, None
        else:
            yield picture, blob


def _row(picture: Picture, blob: bytes, held: bool) -> dict[str, Any]:
    if held:
        return {"image": blob, "label": picture.label}
    digest = hashlib.sha256(blob).hexdigest()
    return {"file": os.path.abspath(picture.file), "row": picture.row, "sha256": digest, "label": picture.label}
