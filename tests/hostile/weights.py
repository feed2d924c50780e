"""Weights that are damaged, of other types or shapes, or of values that no model has."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hostile.case import Case, Damage, Expected, file_bytes, vouched

if TYPE_CHECKING:
    from torch import Tensor

VECTOR, HEAD = "tasks/green/task_vector.safetensors", "tasks/green/head.safetensors"
BACKBONE = "backbone/weights.safetensors"
FILES = {"task vector": VECTOR, "head": HEAD, "backbone": BACKBONE}


def header(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file and the bytes behind it."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(head: Any, body: bytes) -> bytes:
    """A safetensors file of a header, whatever it says, and the bytes behind it."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[:-7],
    "longer than it says": lambda content: content + b"\0" * 7,
    "of a header of 2^62 bytes": lambda content: struct.pack("<Q", 1 << 62) + content[8:],
    "of an empty header": lambda content: struct.pack("<Q", 0) + content[8:],
    "of a header of spaces": lambda content: joined(b" " * 1_000_000, b""),
    "of a header that is no JSON": lambda content: content[:8] + b"\xff" * 20 + content[28:],
    "of a header without end": lambda content: joined(b'{"a":' + b"[" * 100_000, b""),
    "of no tensors": lambda content: joined({}, b""),
    "a pickle": lambda content: b"\x80\x04cposix\nsystem\n(S'true'\ntR.",
    "a zip": lambda content: b"PK\x03\x04" + content[4:],
}
ENTRIES: dict[str, dict[str, Any]] = {  # of the header, for its first tensor
    "an unknown type": {"dtype": "F7"},
    "a type that is a number": {"dtype": 7},
    "a shape that is a text": {"shape": "16"},
    "a shape below zero": {"shape": [-1]},
    "a huge shape": {"shape": [1 << 40, 1 << 40]},
    "a shape of a huge number": {"shape": [10**30]},
    "offsets that overlap": {"data_offsets": [0, 4]},
    "offsets out of the file": {"data_offsets": [0, 1 << 40]},
    "offsets in the wrong order": {"data_offsets": [8, 0]},
    "no offsets": {"data_offsets": None},
}


def _values() -> dict[str, tuple[Callable[[Tensor], Tensor], Expected]]:
    """What becomes of every tensor of floating-point numbers, and of the merge."""
    import torch

    return {
        "NaN": (lambda tensor: torch.full_like(tensor, float("nan")), "refused"),
        "infinite": (lambda tensor: torch.full_like(tensor, float("inf")), "refused"),
        "of 1e30": (lambda tensor: torch.full(tensor.shape, 1e30), "either"),
        "zero": (lambda tensor: torch.zeros_like(tensor), "either"),
        "of 64 bits": (lambda tensor: tensor.double(), "either"),
        "bfloat16": (lambda tensor: tensor.bfloat16(), "either"),
        "int32": (lambda tensor: torch.zeros_like(tensor, dtype=torch.int32), "refused"),
        "int8": (lambda tensor: torch.ones_like(tensor, dtype=torch.int8), "refused"),
        "true or false": (lambda tensor: torch.zeros_like(tensor, dtype=torch.bool), "refused"),
        "float8": (lambda tensor: tensor.to(torch.float8_e4m3fn), "refused"),
        "complex": (lambda tensor: tensor.to(torch.complex64), "refused"),
        "of one more dimension": (lambda tensor: tensor[..., None].contiguous(), "refused"),
        "of a single number": (lambda tensor: torch.tensor(0.5), "refused"),
    }


def cases() -> Iterator[Case]:
    """A case for every damage of every kind of weights."""
    for name, path in FILES.items():
        for label, change in BYTES.items():
            yield Case(f"{name} is {label}", vouched(path, file_bytes(path, change)))
        for label, fields in ENTRIES.items():
            small = name == "head" and label == "offsets that overlap"  # of a single number they are its own
            damage = vouched(path, file_bytes(path, _entry(fields)))
            yield Case(f"{name} has {label}", damage, "either" if small else "refused")
        for label, (change, expected) in _values().items():
            yield Case(f"{name} is {label}", vouched(path, _each(path, change)), expected)
        expected: Expected = "either" if name == "backbone" else "refused"  # which may be the text tower's
        yield Case(f"{name} without its first tensor", vouched(path, _tensors(path, _first_gone)), expected)
        yield Case(f"{name} with a tensor too many", vouched(path, _tensors(path, _one_more)), "either")
    yield from _heads()
    yield Case("backbone has a tensor that is no number", vouched(BACKBONE, _tensors(BACKBONE, _counter)), "either")


def _heads() -> Iterator[Case]:
    import torch

    scales: dict[str, tuple[Tensor, Expected]] = {
        "two numbers": (torch.ones(2), "refused"),
        "no number": (torch.ones(0), "refused"),
        "NaN": (torch.tensor(float("nan")), "refused"),
        "zero": (torch.tensor(0.0), "refused"),
        "below zero": (torch.tensor(-20.0), "refused"),
        "3e38": (torch.tensor(3e38), "refused"),
        "whole": (torch.tensor(20), "either"),
        "complex": (torch.tensor(1 + 1j), "refused"),
    }
    for label, (scale, expected) in scales.items():
        change = _tensors(HEAD, lambda tensors, scale=scale: tensors.update(logit_scale=scale))
        yield Case(f"head's scale is {label}", vouched(HEAD, change), expected)
    longer = _tensors(HEAD, lambda tensors: tensors.update(weight=tensors["weight"] * 100))
    yield Case("head's rows are a hundred times as long", vouched(HEAD, longer))
    more = _tensors(HEAD, lambda tensors: tensors.update(weight=tensors["weight"].repeat(2, 1)))
    yield Case("head has twice the classes", vouched(HEAD, more))


def _entry(fields: dict[str, Any]) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        head, body = header(content)
        first = min(name for name in head if name != "__metadata__")
        head[first] = {name: value for name, value in {**head[first], **fields}.items() if value is not None}
        return joined(head, body)

    return change


def _tensors(path: str, change: Callable[[dict[str, Tensor]], object]) -> Damage:
    def damage(root: Path) -> None:
        from safetensors.torch import load, save

        tensors = load((root / path).read_bytes())
        change(tensors)
        (root / path).write_bytes(save(tensors))

    return damage


def _each(path: str, change: Callable[[Tensor], Tensor]) -> Damage:
    def all_of_them(tensors: dict[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                tensors[name] = change(tensor)

    return _tensors(path, all_of_them)


def _first_gone(tensors: dict[str, Tensor]) -> None:
    del tensors[min(name for name in tensors if name == "weight" or "visual" in name or "." in name)]


def _one_more(tensors: dict[str, Tensor]) -> None:
    import torch

    tensors["visual.unheard_of"] = torch.ones(2)


def _counter(tensors: dict[str, Tensor]) -> None:
    import torch

    tensors["visual.position_ids"] = torch.arange(4)
