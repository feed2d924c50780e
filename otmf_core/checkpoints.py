"""Read and check weights: safetensors only, since other checkpoint formats can execute code when read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def read_tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Tensors of a safetensors file whose name starts with `prefix`, which is taken off.

    Shapes and types as stored, on CPU. Raises InputError when the file is missing, of another format or damaged.
    """
    with _open(path) as file:
        names = [name for name in file.keys() if name.startswith(prefix)]
        return {name.removeprefix(prefix): file.get_tensor(name) for name in names}


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file; raises InputError as `read_tensors` does."""
    with _open(path) as file:
        return file.metadata() or {}


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors":
        raise InputError(f"weights are read from .safetensors files, which cannot run code, received {path.name}")
    if not path.is_file():
        raise InputError(f"a file is missing: {path}")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise InputError(f"a file must be valid safetensors: {path} ({error})") from None


def check_matches(tensors: dict[str, Tensor], base: dict[str, Tensor], where: str) -> None:
    """Raise InputError unless `tensors` has finite values and the keys and shapes of `base`, naming a culprit."""
    wrong = [f"{name} is missing" for name in sorted(base.keys() - tensors.keys())]
    wrong += [f"{name} is unknown" for name in sorted(tensors.keys() - base.keys())]
    if wrong:
        raise InputError(f"weights have exactly the keys of the pre-trained model: {wrong[0]} in {where}")
    for name, tensor in tensors.items():
        if tensor.shape != base[name].shape:
            raise InputError(
                f"shapes follow the pre-trained model: {name} is {tuple(tensor.shape)}, "
                f"expected {tuple(base[name].shape)}, in {where}"
            )
    check_finite(tensors, where)


def check_finite(tensors: dict[str, Tensor], where: str) -> None:
    """Raise InputError naming the first tensor with a NaN or an infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            bad = int((~tensor.isfinite()).sum())
            raise InputError(f"weights must be finite: {name} has {bad} NaN or infinite values in {where}")
