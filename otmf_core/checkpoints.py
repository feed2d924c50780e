"""Read and check weights: safetensors only, since other checkpoint formats can execute code when read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def read_tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Tensors of a safetensors file whose name starts with `prefix`, which is taken off.

    Shapes and types as stored, on CPU. Raises InputError when the file is missing, of another format or damaged.
    """
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors":
        raise InputError(f"weights are read from .safetensors files, which cannot run code, received {path.name}")
    if not path.is_file():
        raise InputError(f"a file is missing: {path}")
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]
            return {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise InputError(f"a file must be valid safetensors: {path} ({error})") from None


def check_matches(tensors: dict[str, Tensor], base: dict[str, Tensor], where: str) -> None:
    """Raise InputError unless `tensors` has the keys and shapes of `base` and finite values, naming the first culprit."""
    missing = sorted(base.keys() - tensors.keys())
    extra = sorted(tensors.keys() - base.keys())
    if missing:
        raise InputError(f"a task vector has every key of the pre-trained model: {missing[0]} is missing in {where}")
    if extra:
        raise InputError(f"a task vector has only keys of the pre-trained model: {extra[0]} is unknown in {where}")
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
