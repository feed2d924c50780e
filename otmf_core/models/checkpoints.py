"""Read and check weights: safetensors only, since other checkpoint formats can execute code when read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import brief, shown

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor

Header = dict[str, tuple[str, tuple[int, ...]]]
FLOATS = ("F64", "F32", "F16", "BF16")  # as safetensors names them: the types that weights may have
WHOLE = ("BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64")  # those of buffers, which no merge changes
TOWER = "visual."  # what open_clip's names of the image tower begin with


def read_tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Tensors of a safetensors file whose name starts with `prefix`, which is taken off.

    Shapes and types as stored, on CPU, mapped into memory: a value is read from disk when it is used. Raises InputError
    when the file is missing, of another format or damaged.
    """
    with _open(path) as file:
        names = [name for name in file.keys() if name.startswith(prefix)]
        return {name.removeprefix(prefix): file.get_tensor(name) for name in names}


def read_tensor(path: Path, name: str) -> Tensor:
    """One tensor of a safetensors file, copied, so that the file is mapped no longer than that; raises likewise."""
    with _open(path) as file:
        return file.get_tensor(name).clone()


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: the length of a header in eight bytes, then its opening brace.

    A length below 2^56 has a zero byte, which no JSON text has. Raises InputError on a file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise InputError(f"a file must be readable: {path} ({error.strerror})") from None
    return start[8:] == b"{" and 0 in start[:8]


def tower_header(path: Path, prefix: str = TOWER) -> Header:
    """The header of those tensors."""
    header = {name.removeprefix(prefix): entry for name, entry in read_header(path).items() if name.startswith(prefix)}
    header = without_buffers(header)
    check_floating(header, str(path))
    _check_tower(header, path)
    return header


def parameters(header: Header) -> int:
    """The number of values in all tensors of a header."""
    return sum(prod(shape) for _, shape in header.values())


def without_buffers(header: Header) -> Header:
    """What is left of a header without tensors of whole numbers, such as open_clip's old position_ids."""
    return {name: entry for name, entry in header.items() if entry[0] not in WHOLE}


def _check_tower(tensors: Collection[str], path: Path) -> None:
    if not tensors:
        raise InputError(f"a pre-trained model has an image tower: no key starts with {TOWER!r} in {path}")


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file; raises InputError as `read_tensors` does."""
    with _open(path) as file:
        return file.metadata() or {}


def read_header(path: Path) -> Header:
    """Tensor name → (type as the format names it, such as F16, and shape), without reading a value or loading torch.

    Raises InputError as `read_tensors` does.
    """
    with _open(path, "np") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}
        return {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}


def side_by_side(paths: Sequence[Path], buffers: bool = False) -> Iterator[tuple[str, list[ndarray]]]:
    """Every tensor of the first file with its namesakes in the others: one name at a time, so in little memory.

    Arrays in the stored precision (bfloat16 as float32); loads torch only for bfloat16, which NumPy does not have.
    Raises InputError on a missing or damaged file, on types that no weight has (but whole numbers, where there may be
    `buffers`), and when keys or shapes differ from the first file's.
    """
    headers = [read_header(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        check_floating(without_buffers(header) if buffers else header, str(path))
    shapes = [{name: shape for name, (_, shape) in header.items()} for header in headers]
    for path, own in zip(paths, shapes, strict=True):
        if own != shapes[0]:
            name = min(name for name, _ in own.items() ^ shapes[0].items())
            found, expected = own.get(name, "none"), shapes[0].get(name, "none")
            raise InputError(f"files have the same keys and shapes: {name} is {found}, expected {expected}, in {path}")
    with ExitStack() as stack:
        frameworks = ["pt" if any(kind == "BF16" for kind, _ in header.values()) else "np" for header in headers]
        files = [stack.enter_context(_open(*each)) for each in zip(paths, frameworks, strict=True)]
        for name in shapes[0]:
            values = [file.get_tensor(name) for file in files]
            yield name, [v.float().numpy() if kind == "pt" else v for v, kind in zip(values, frameworks, strict=True)]


@contextmanager
def _open(path: Path, framework: str = "pt") -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    if not os.path.isfile(path):
        raise InputError(f"a file is missing: {path}")
    if path.suffix != ".safetensors" and not is_safetensors(path):  # one that has the name is damaged: see below
        raise InputError(f"weights are read from safetensors files, which cannot run code, received {shown(path.name)}")
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except InputError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        # bindings raise whatever their arguments give, where a header lies
        raise InputError(f"a file must be valid safetensors: {path} ({brief(error)})") from None


def check_header(header: Header, expected: Header, where: str) -> None:
    """Raise InputError unless a file holds floating-point weights of the keys and shapes expected, naming a culprit."""
    check_floating(header, where)
    shapes = {name: shape for name, (_, shape) in header.items()}
    _check_shapes(shapes, {name: shape for name, (_, shape) in expected.items()}, where)


def check_floating(header: Header, where: str) -> None:
    """Raise InputError unless every tensor is of a type that weights have, naming the first that is not."""
    for name, (kind, _) in header.items():
        if kind not in FLOATS:
            raise InputError(f"weights are of type {', '.join(FLOATS)}: {shown(name)} is {kind} in {where}")


def check_matches(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], where: str) -> None:
    """Raise InputError unless `tensors` has finite values and the keys and shapes of `expected`, naming a culprit."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    _check_shapes(shapes, {name: tuple(tensor.shape) for name, tensor in expected.items()}, where)
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise InputError(f"weights are of floating point: {shown(name)} is {tensor.dtype} in {where}")
    check_finite(tensors, where)


def _check_shapes(shapes: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]], where: str) -> None:
    wrong = [f"{name} is missing" for name in sorted(expected.keys() - shapes.keys())]
    wrong += [f"{name} is unknown" for name in sorted(shapes.keys() - expected.keys())]
    if wrong:
        raise InputError(f"weights have exactly the keys of the pre-trained model: {wrong[0]} in {where}")
    for name, shape in shapes.items():
        if shape != expected[name]:
            raise InputError(
                f"shapes follow the pre-trained model: {name} is {shape}, expected {expected[name]}, in {where}"
            )


def check_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Raise InputError naming the first tensor with a NaN or an infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            bad = int((~tensor.isfinite()).sum())
            raise InputError(f"weights must be finite: {name} has {bad} NaN or infinite values in {where}")
