"""Encoded pictures of a split's table: those that it holds, and those that it refers to where they were left.

A table holds pictures in a column `image`, or refers to them by `file`, `row` (their number in that file) and `sha256`.
What is referred to is used only if it has its hash: a table can name no picture that its maker did not have.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.tables import column_names, picked_rows

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "images come as a Parquet table with columns image and label"
REFERENCE = ("file", "row", "sha256")
AT_ONCE = 1024  # rows of references that are read together


def named_pictures(path: Path, rows: Sequence[int]) -> Iterator[tuple[bytes, str]]:
    """Each row's encoded picture, in the order given, and what a sentence calls it.

    Raises InputError on a damaged table, and on a picture that is missing or has changed since it was referred to.
    """
    columns = column_names(path, TABLE)
    if "image" in columns or "file" not in columns:
        yield from _held(path, rows)
    else:
        yield from _referred(path, rows)


def encoded_pictures(path: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """The same without names."""
    return (blob for blob, _ in named_pictures(path, rows))


def _held(path: Path, rows: Sequence[int]) -> Iterator[tuple[bytes, str]]:
    for row, blob in zip(rows, picked_pictures(path, "image", TABLE, rows), strict=True):
        yield blob, f"row {row} of {path}"


def picked_pictures(path: Path, column: str, what: str, rows: Sequence[int]) -> Iterator[bytes]:
    """The pictures in these rows of a table's column, in the order given; raises InputError, beginning with `what`."""
    numbers = iter(rows)
    for table in picked_rows(path, [column], what, rows):
        for blob in _picture_bytes(table[column], path):
            row = next(numbers)
            if blob is None:
                raise InputError(f"{what}: {path} (row {row} has an image without bytes)")
            yield blob


def _picture_bytes(column: pa.ChunkedArray, path: Path) -> Iterator[bytes | None]:
    """The files in a column of images: bytes, or {bytes, path} as Hugging Face has them. A path is never followed.

    None where there is no image, or one without bytes; raises InputError on a column of another type.
    """
    import pyarrow as pa

    for chunk in column.chunks:
        if pa.types.is_struct(chunk.type):
            if chunk.type.get_field_index("bytes") < 0:
                raise InputError(f"{TABLE}: {path} (image is {shown(chunk.type)}, without bytes)")
            chunk = chunk.flatten()[chunk.type.get_field_index("bytes")]  # null where the whole image is
        kind = chunk.type.value_type if pa.types.is_dictionary(chunk.type) else chunk.type
        if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)):
            raise InputError(f"{TABLE}: {path} (image is of type {shown(kind)}, not bytes)")
        for value in chunk:
            yield value.as_py()


def _referred(path: Path, rows: Sequence[int]) -> Iterator[tuple[bytes, str]]:
    from otmf_core.library.importers.datasets import Picture, read_pictures

    for start in range(0, len(rows), AT_ONCE):
        places = [
            place
            for table in picked_rows(path, REFERENCE, TABLE, rows[start : start + AT_ONCE])
            for place in table.to_pylist()
        ]
        pictures = []
        for place in places:
            file, row, digest = (place[name] for name in REFERENCE)
            sound = isinstance(file, str) and isinstance(row, int) and isinstance(digest, str) and row >= 0
            if not sound or "\0" in file or not os.path.isabs(file):
                raise InputError(f"a table refers to pictures by file, row and sha256: {shown(place)} in {path}")
            pictures.append(Picture(Path(file), row, -1))
        for place, blob in zip(places, read_pictures(pictures), strict=True):
            where = f"picture {place['row']} of {place['file']}"
            if hashlib.sha256(blob).hexdigest() != place["sha256"]:
                raise InputError(f"a picture is the one that was referred to: {where} has changed since, in {path}")
            yield blob, where
