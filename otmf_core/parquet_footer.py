"""The footer of a Parquet file, read without pyarrow: how much each column unpacks to, before anything is unpacked.

pyarrow ends the whole program where its accessors of a column chunk meet a damaged footer, so those are not asked.
Source: the Parquet format's parquet.thrift, in Thrift's compact protocol.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 64 << 20
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)
# Ids of the fields that are looked at.
NUM_ROWS, ROW_GROUPS, COLUMNS, META_DATA, PATH, NUM_VALUES, SIZE = 3, 4, 1, 3, 3, 5, 6


class Chunk(NamedTuple):
    """A column in a row group: its path, values (list entries and nulls count) and bytes without compression."""

    path: str
    values: int
    size: int
    group: int = 0  # the row group's number


class _Reader:
    """Thrift's compact protocol over bytes; structs are dicts by field id. Raises ValueError on what is damaged."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise ValueError("a number without end")

    def number(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def binary(self) -> bytes:
        length = self.varint()
        if length > len(self.data) - self.at:
            raise ValueError("a text beyond the end")
        self.at += length
        return self.data[self.at - length : self.at]

    def listed(self) -> list[Any]:
        head = self.data[self.at]
        self.at += 1
        count = self.varint() if head >> 4 == 15 else head >> 4
        if count > len(self.data) - self.at:
            raise ValueError("a list beyond the end")
        return [self.value(head & 15, inside=True) for _ in range(count)]

    def mapped(self) -> dict[Any, Any]:
        count = self.varint()
        if count > len(self.data) - self.at:
            raise ValueError("a map beyond the end")
        kinds = 0
        if count:
            kinds = self.data[self.at]
            self.at += 1
        return {str(self.value(kinds >> 4, True)): self.value(kinds & 15, True) for _ in range(count)}

    def structure(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        field = 0
        while True:
            head = self.data[self.at]
            self.at += 1
            if head & 15 == STOP:
                return fields
            field = field + (head >> 4) if head >> 4 else self.number()
            fields[field] = self.value(head & 15)

    def value(self, kind: int, inside: bool = False) -> Any:
        if kind in (TRUE, FALSE):  # a field's type is its value; in a list it takes a byte
            self.at += inside
            return kind == TRUE
        if kind == BYTE:
            self.at += 1
            return self.data[self.at - 1]
        if kind in (I16, I32, I64):
            return self.number()
        if kind == DOUBLE:
            self.at += 8
            return None
        if kind == BINARY:
            return self.binary()
        if kind in (LIST, SET):
            return self.listed()
        if kind == MAP:
            return self.mapped()
        if kind == STRUCT:
            return self.structure()
        raise ValueError(f"a field of type {kind}")


def read_footer(path: Path) -> tuple[int, list[Chunk]]:
    """The number of rows that a file states, and its column chunks; raises ValueError on a damaged footer."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        tail = file.read(8)
        if len(tail) < 8 or tail[4:] != MAGIC:
            raise ValueError("no Parquet file: it does not end as one")
        (length,) = struct.unpack("<L", tail[:4])
        if length > min(size - 8, MAX_FOOTER_BYTES):
            raise ValueError("no Parquet file: its footer is longer than it")
        file.seek(size - 8 - length)
        data = file.read(length)
    try:
        footer = _Reader(data).structure()
        groups = enumerate(footer[ROW_GROUPS])
        chunks = [(chunk[META_DATA], number) for number, group in groups for chunk in group[COLUMNS]]
        found = [
            Chunk(b".".join(chunk[PATH]).decode(), int(chunk[NUM_VALUES]), int(chunk[SIZE]), number)
            for chunk, number in chunks
        ]
        rows = int(footer[NUM_ROWS])
    except (IndexError, KeyError, TypeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"a damaged footer ({type(error).__name__})") from None
    if rows < 0 or any(chunk.values < 0 or chunk.size < 0 for chunk in found):
        raise ValueError("a damaged footer (less than nothing)")
    return rows, found
