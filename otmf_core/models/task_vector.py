"""Task vectors: Δ = θ − θ⁰ over floating-point keys, and how two of them are added. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

StateDict = dict[str, "Tensor"]
Tensors = Mapping[str, "Tensor"]  # the same where it is only read, as θ⁰ may be in its file


def scaled(delta: StateDict, factor: float) -> StateDict:
    """factor · Δ in float32."""
    return {name: tensor.float() * factor for name, tensor in delta.items()}


def combined(first: StateDict, second: StateDict, first_weight: float, second_weight: float) -> StateDict:
    """first_weight · Δ₁ + second_weight · Δ₂ in float32."""
    return {name: first[name].float() * first_weight + second[name].float() * second_weight for name in first}


def norm(delta: StateDict) -> float:
    """‖Δ‖ over all entries."""
    return sum(tensor.float().norm().item() ** 2 for tensor in delta.values()) ** 0.5
