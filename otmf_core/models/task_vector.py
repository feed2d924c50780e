"""Task vectors: Δ = θ − θ⁰ over floating-point keys, and the one operation that puts them into a model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

StateDict = dict[str, Tensor]


def weights(encoder: nn.Module) -> StateDict:
    """The encoder's own floating-point tensors, by name: what is written to them is in the model."""
    return {name: tensor for name, tensor in encoder.state_dict().items() if tensor.is_floating_point()}


@torch.no_grad()
def apply(encoder: nn.Module, base: StateDict, delta: StateDict | None = None) -> None:
    """Set the encoder to θ⁰ + Δ, or to θ⁰, in place: no copy of the model is made."""
    for name, tensor in weights(encoder).items():
        if delta is None:
            tensor.copy_(base[name])
        else:
            torch.add(base[name], delta[name], out=tensor)


@torch.no_grad()
def scaled(delta: StateDict, factor: float) -> StateDict:
    """factor · Δ in float32."""
    return {name: tensor.float() * factor for name, tensor in delta.items()}


@torch.no_grad()
def combined(first: StateDict, second: StateDict, first_weight: float, second_weight: float) -> StateDict:
    """first_weight · Δ₁ + second_weight · Δ₂ in float32."""
    return {name: first[name].float() * first_weight + second[name].float() * second_weight for name in first}
