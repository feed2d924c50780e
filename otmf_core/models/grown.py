"""A tower whose linear maps add something of their input to their output: what stands beside weights, not in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otmf_core.errors import InputError
from otmf_core.models.base import Tower
from otmf_core.models.inputs import Inputs
from otmf_core.models.matrices import STACKED

Addition = Callable[[Tensor], Tensor]  # a map's inputs (n, tokens, columns) -> what is added: (n, tokens, rows)
Place = tuple[str, str]  # the name and the kind of a matrix (`models/matrices.py`)


@dataclass(frozen=True, eq=False)
class GrownTower(Tower):
    """A tower with these additions, on its network and at its present weights; that tower itself stays as it is."""

    tower: Tower
    additions: Mapping[Place, Addition]

    def encode(self, inputs: Inputs) -> Tensor:
        with _added(self.module, self.additions):
            return self.tower.encode(inputs)

    def views(self, inputs: Inputs, count: int, seed: Sequence[int]) -> Inputs:
        return self.tower.views(inputs, count, seed)

    def join(self, parts: Sequence[Inputs]) -> Inputs:
        return self.tower.join(parts)

    def settled(self) -> Tower:
        return replace(self, base={}, tower=self.tower.settled())


def grown(tower: Tower, additions: Mapping[Place, Addition]) -> Tower:
    """The tower with these additions.

    Raises InputError, when it encodes, on a map that is neither a linear layer nor one of nn.MultiheadAttention.
    """
    return GrownTower(tower.module, tower.base, tower.device, tower, additions)


@contextmanager
def _added(module: nn.Module, additions: Mapping[Place, Addition]) -> Iterator[None]:
    undo: list[Callable[[], None]] = []
    by_layer: dict[str, dict[str, Addition]] = {}
    for (name, kind), addition in additions.items():
        by_layer.setdefault(name.removesuffix("weight").rstrip("."), {})[kind] = addition
    try:
        for name, own in by_layer.items():
            undo.append(_attach(module, name, own))
        yield
    finally:
        for each in undo:
            each()


def _attach(module: nn.Module, name: str, own: Mapping[str, Addition]) -> Callable[[], None]:
    """Let one layer add; returns what ends it."""
    parent, _, leaf = name.rpartition(".")
    layer = module.get_submodule(parent if leaf == "in_proj_" else name)
    if isinstance(layer, nn.MultiheadAttention) and layer.batch_first:
        layer.forward = _attention(layer, own)
        return lambda: delattr(layer, "forward")
    if not isinstance(layer, nn.Linear):
        raise InputError(
            f"what grows reaches linear layers and nn.MultiheadAttention with the batch first: {name} is of "
            f"{type(layer).__name__}"
        )
    parts = list(own.values())

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + torch.cat([part(inputs[0]) for part in parts], dim=-1)

    return layer.register_forward_hook(add).remove


def _attention(layer: nn.MultiheadAttention, own: Mapping[str, Addition]) -> Callable[..., tuple[Tensor, None]]:
    """What nn.MultiheadAttention computes in eval mode, with q, k and v as separate maps that may add."""

    def forward(
        query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False, attn_mask: Any = None
    ) -> tuple[Tensor, None]:
        weights, biases = layer.in_proj_weight.chunk(3), [None] * 3
        if layer.in_proj_bias is not None:
            biases = layer.in_proj_bias.chunk(3)
        heads = []
        for kind, x, weight, bias in zip(STACKED, (query, key, value), weights, biases, strict=True):
            out = F.linear(x, weight, bias)
            if kind in own:
                out = out + own[kind](x)
            heads.append(out.unflatten(-1, (layer.num_heads, -1)).transpose(1, 2))
        mixed = F.scaled_dot_product_attention(*heads, attn_mask=attn_mask)
        return layer.out_proj(mixed.transpose(1, 2).flatten(2)), None

    return forward
