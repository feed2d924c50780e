"""MATLAB files of version 5 (those of 6 and 7 too): numbers, texts, cells and structures, read within their bounds.

SciPy's reader ends the whole program on some damaged files, so it is not asked. Source: MAT-File Format, MathWorks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.importers.splits import MAX_BYTES

if TYPE_CHECKING:
    import numpy as np

RULE = "a .mat file is one of MATLAB 5 to 7"
HEADER, HEAD = 128, 1 << 16  # bytes of the file's header, and what of a variable is looked at for its name and shape
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15  # types of elements
TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
CELL, STRUCTURE, TEXT, DOUBLE, UINT64 = 1, 2, 4, 6, 15  # classes of variables; from double to uint64 are numbers
COMPLEX = 0x0800
DEPTH = 4  # of cells and structures in each other


class Variable(NamedTuple):
    """What a variable's head states: its class, its shape and the number of its bytes."""

    kind: int
    shape: tuple[int, ...]
    size: int


class _Elements:
    """The elements of a variable, one behind the other; raises ValueError at the end and on what is damaged."""

    def __init__(self, data: bytes | memoryview, order: str) -> None:
        self.data, self.order, self.at = memoryview(data), order, 0

    def next(self) -> tuple[int, memoryview]:
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.at)
        start, padding = self.at + 8, -size % 8
        if kind >> 16:  # a small one, of at most four bytes beside its type
            kind, size, start, padding = kind & 0xFFFF, kind >> 16, self.at + 4, 4 - (kind >> 16)
        if size > len(self.data) - start or padding < 0:
            raise ValueError("an element is longer than the file")
        self.at = start + size + padding
        return kind, self.data[start : start + size]

    def numbers(self) -> tuple[int, ...]:
        kind, data = self.next()
        if kind not in (5, 6) or len(data) % 4:
            raise ValueError("numbers of a head are of four bytes")
        return struct.unpack(f"{self.order}{len(data) // 4}{'i' if kind == 5 else 'I'}", data)

    def head(self) -> tuple[int, tuple[int, ...], str]:
        """Flags, shape and name."""
        flags, shape = self.numbers()[0], self.numbers()
        if len(shape) < 2 or min(shape) < 0:
            raise ValueError(f"a shape is {shown(shape, 60)}")
        return flags, shape, bytes(self.next()[1]).decode("latin1")


def variables(file: Path) -> dict[str, Variable]:
    """The variables of a file, by name, from their heads; raises InputError on another or a damaged file."""
    return {name: variable for name, variable, _ in _variables(file, "")}


def load_mat(file: Path, name: str) -> Any:
    """A variable: an array in its shape, a text, a list of a cell array's values or of a structure array's dicts.

    Raises InputError when it is missing, damaged, or larger than is read.
    """
    found = []
    for own, variable, data in _variables(file, name):
        if own != name:
            found.append(own)
            continue
        if variable.size > MAX_BYTES:
            raise InputError(f"an array has at most {MAX_BYTES >> 30} GiB: {name} is {variable.shape} in {file}")
        try:
            return _value(*data, DEPTH)
        except (struct.error, ValueError, IndexError, KeyError, TypeError) as error:
            raise InputError(f"{RULE}: {file} ({brief(error)})") from None
    raise InputError(f"a .mat file has the variable {name}: {file} has {shown(', '.join(found))}")


def load_numbers(file: Path, name: str) -> np.ndarray:
    """A variable of numbers, as they are stored, in its shape; raises InputError as `load_mat` does, and on others."""
    import numpy as np

    value = load_mat(file, name)
    if not isinstance(value, np.ndarray):
        raise InputError(f"a variable is of numbers: {name} is not in {file}")
    return value


def _variables(file: Path, wanted: str) -> Iterator[tuple[str, Variable, tuple[bytes, str]]]:
    """Name and head of each variable and, of the one that is wanted, its bytes."""
    try:
        with file.open("rb") as opened:
            header = opened.read(HEADER)
            if len(header) < HEADER or header[126:] not in (b"IM", b"MI"):
                raise ValueError("it has no such header")
            order = "<" if header[126:] == b"IM" else ">"
            while tag := opened.read(8):
                kind, size = struct.unpack(f"{order}II", tag)
                start = opened.tell()
                size, head, rest = _opened(opened, kind, size, order)
                flags, shape, name = _Elements(head, order).head()
                data = head + rest(size - len(head)) if name == wanted and size <= MAX_BYTES else b""
                if data and len(data) < size:
                    raise ValueError(f"{name} ends too early")
                yield name, Variable(flags & 0xFF, shape, size), (data, order)
                opened.seek(start + struct.unpack(f"{order}II", tag)[1])
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"a file is missing: {file}") from None
    except (OSError, struct.error, ValueError, zlib.error) as error:
        raise InputError(f"{RULE}: {file} ({brief(error)})") from None


def _opened(file: IO[bytes], kind: int, size: int, order: str) -> tuple[int, bytes, Any]:
    """The size of a variable, its first bytes, and what reads more of them."""
    if kind == MATRIX:
        return size, file.read(min(size, HEAD)), file.read
    if kind != COMPRESSED:
        raise ValueError(f"an element is of type {kind}")
    packed, stream = file.read(size), zlib.decompressobj()
    inner, size = struct.unpack(f"{order}II", stream.decompress(packed, 8))
    if inner != MATRIX:
        raise ValueError(f"an element is of type {inner}")
    head = stream.decompress(stream.unconsumed_tail, max(1, min(size, HEAD)))
    return size, head, lambda more: stream.decompress(stream.unconsumed_tail, more) if more else b""


def _value(data: bytes | memoryview, order: str, depth: int) -> Any:
    import numpy as np

    elements = _Elements(data, order)
    flags, shape, _ = elements.head()
    kind = flags & 0xFF
    if not depth or flags & COMPLEX:
        raise ValueError("complex numbers, or cells in cells in cells")
    if kind == CELL:
        return [_inner(elements, order, depth) for _ in range(prod(shape))]
    if kind == STRUCTURE:
        (length,) = elements.numbers()
        text = bytes(elements.next()[1])
        fields = [text[at : at + length].split(b"\0")[0].decode("latin1") for at in range(0, len(text), length)]
        if not fields:
            raise ValueError("a structure without fields")
        return [{field: _inner(elements, order, depth) for field in fields} for _ in range(prod(shape))]
    stored, values = elements.next()
    if kind == TEXT:
        encoding = TEXTS[stored] + ("" if TEXTS[stored] == "utf-8" else "-le" if order == "<" else "-be")
        return bytes(values).decode(encoding)
    if not DOUBLE <= kind <= UINT64:
        raise ValueError(f"a variable is of class {kind}")
    return np.frombuffer(values, f"{order}{NUMBERS[stored]}").reshape(shape, order="F")


def _inner(elements: _Elements, order: str, depth: int) -> Any:
    kind, data = elements.next()
    if kind != MATRIX:
        raise ValueError(f"an element is of type {kind}")
    return _value(data, order, depth - 1) if len(data) else None
