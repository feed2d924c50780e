"""Small damages of sound files, drawn from a generator: the same seed damages the same bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.hostile.weights import header, joined

WORDS = (
    b"null", b"[]", b"{}", b"-1", b"1e400", b"NaN", b'"x"', b"true", b"9" * 30, b"9" * 5_000, b"../", b"\0", b"\xff",
    b'"', b",", b"0" * 9, b"[" * 2_000, b"\\ud800", b"\xed\xa0\x80", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"PAR1",
    b"PK\x01\x02", b"-0", b"Infinity", b"\xef\xbb\xbf",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, [], {}, "x", -1, 0, 1, 2, 1e308, -1e308, 5e-324, 10**40, 10**400, 2**31, 2**63, True, False, "", [[]], "../x",
    "\ud800", "a\0b", "x" * 300, "/etc/passwd", 0.5, "NaN", [None], {"a": None}, "²", "1_0", "![x](http://127.0.0.1/)",
)  # fmt: skip
TYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "C64", "F7", "", 7, None)
NUMBERS = (0, 1, -1, 2, 3, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64, 10**30)


def mutated(random: Random, name: str, content: bytes) -> bytes:
    """A damaged copy of a file: by what its ending says is in it, or byte by byte."""
    if random.random() < 0.6:
        if name.endswith(".json"):
            return _json(random, content)
        if name.endswith(".safetensors"):
            return _weights(random, content)
        if name.endswith(".parquet"):
            return _bytes(random, content, first=max(0, len(content) - _footer(content)))
        if name.endswith(".zip"):
            return _bytes(random, content, first=max(0, content.rfind(b"PK\x01\x02") - 800))
    return _bytes(random, content)


def _bytes(random: Random, content: bytes, first: int = 0) -> bytes:
    """Bits turned, and pieces taken away, doubled, overwritten or put in, from the byte `first` on."""
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        if len(damaged) <= first:
            break
        place, word = random.randrange(first, len(damaged)), random.choice(WORDS)
        match random.randrange(7):
            case 0:
                damaged[place] ^= 1 << random.randrange(8)
            case 1:
                damaged[place] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
            case 2:
                del damaged[place : place + random.choice((1, 2, 4, 50, 500))]
            case 3:
                damaged[place:place] = word
            case 4:
                damaged[place : place + len(word)] = word
            case 5:
                damaged[place:place] = damaged[place : place + random.choice((4, 40, 400))]
            case _:
                if random.random() < 0.3:
                    del damaged[place:]
    return bytes(damaged)


def _json(random: Random, content: bytes) -> bytes:
    """One to three fields with another value, renamed, doubled or taken away."""
    value = json.loads(content)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = [*_places(value)]
        if not places:
            break
        holder, key = random.choice(places)
        old = holder[key]
        match random.randrange(8):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [old]
            case 2:
                holder[key] = {"a": old}
            case 3 if isinstance(old, list):
                holder[key] = old * 2
            case 4 if isinstance(old, list):
                holder[key] = old[:-1]
            case 5:
                nested: Any = old
                for _ in range(random.choice((5, 50, 200))):
                    nested = [nested]
                holder[key] = nested
            case _:
                holder[key] = random.choice(VALUES)
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every field and item of a JSON value, as its holder and its key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _weights(random: Random, content: bytes) -> bytes:
    """A header of which one tensor has another type, shape, place or name."""
    head, body = header(content)
    name = random.choice(sorted(head))
    entry = head[name]
    match random.randrange(7) if isinstance(entry, dict) and "shape" in entry else 6:
        case 0:
            entry["dtype"] = random.choice(TYPES)
        case 1:
            entry["shape"] = [random.choice(NUMBERS) for _ in range(random.randrange(4))]
        case 2:
            entry["data_offsets"] = [random.choice((*NUMBERS, *entry["data_offsets"])) for _ in range(2)]
        case 3:
            entry["shape"] = list(reversed(entry["shape"]))
        case 4:
            del head[name]
        case 5:
            head[random.choice(("x", "", "../x", "\ud800", "visual.x", name + name))] = head.pop(name)
        case _:
            head[name] = random.choice(VALUES)
    if random.random() < 0.2:
        body = bytes(_bytes(random, body)) if body else b"\0"
    return joined(head, body)


def _footer(content: bytes) -> int:
    """The length of a Parquet file's footer, with its own length and the last letters."""
    return struct.unpack("<I", content[-8:-4])[0] + 8
