"""What a hostile input is: a name, what it damages, and what has to come of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Expected = Literal["refused", "read", "either"]
Damage = Callable[[Path], object]

# Values that a field of a stranger's JSON may have instead of its own.
WRONG: dict[str, Any] = {
    "null": None, "list": [], "object": {}, "text": "x", "number": 7, "huge": 10**400, "true": True, "nested": [[[]]],
}  # fmt: skip
# Whole texts that are no JSON object, or none that a reader survives by chance.
NO_OBJECTS: dict[str, bytes] = {
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"7",
    "not a number": b"NaN",
    "cut short": b'{"format": 1',
    "a hundred thousand brackets": b"[" * 100_000,
    "brackets in an object": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of five thousand digits": b'{"format": ' + b"1" * 5_000 + b"}",
    "no UTF-8": b'{"a": "\xff"}',
    "zero bytes": b"\0" * 99,
}


@dataclass(frozen=True)
class Case:
    """One hostile input: `damage` changes a copy of a sound library or run in place.

    `expected` is what all doors together make of it: one refuses, none does, or either. `imported` is that of a run
    whose damaged folder arrives as a zip.
    """

    name: str
    damage: Damage
    expected: Expected = "refused"
    imported: Expected = "refused"

    def __str__(self) -> str:
        return self.name


def json_file(path: str, change: Callable[[Any], object]) -> Damage:
    """A change in place of the value of a JSON file."""

    def damage(root: Path) -> None:
        value = json.loads((root / path).read_text(encoding="utf-8"))
        change(value)
        (root / path).write_text(json.dumps(value), encoding="utf-8")

    return damage


def file_bytes(path: str, change: Callable[[bytes], bytes]) -> Damage:
    """A change of the bytes of a file."""

    def damage(root: Path) -> None:
        (root / path).write_bytes(change((root / path).read_bytes()))

    return damage


def setting(*keys: str | int, to: Any) -> Callable[[Any], None]:
    """A change that gives the field reached by these keys another value."""

    def change(value: Any) -> None:
        *way, last = keys
        for key in way:
            value = value[key]
        value[last] = to

    return change


def without(*keys: str | int) -> Callable[[Any], None]:
    """A change that takes the field reached by these keys away."""

    def change(value: Any) -> None:
        *way, last = keys
        for key in way:
            value = value[key]
        del value[last]

    return change


def vouched(path: str, damage: Damage) -> Damage:
    """A damage of one file of a library that its manifest vouches for, so that its content is what is judged."""

    def both(root: Path) -> None:
        from otmf_core.files import sha256

        damage(root)
        manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        file = root / path
        manifest["files"][path] = {"sha256": sha256(file), "bytes": file.stat().st_size}
        (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    return both
