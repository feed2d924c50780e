"""Masks whose entries scale groups of weights: rows, attention heads, layers, the whole task vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from otmf_core.masks.measures import SIDES
from otmf_core.masks.trained import TrainedMasks
from otmf_core.models.matrices import CROSS
from otmf_core.models.task_vector import StateDict
from otmf_core.models.tensor_names import TensorPlace, locate


class Group(NamedTuple):
    """What scales a tensor: the entries of a named vector, picked by whole numbers that broadcast to the tensor."""

    key: str
    entries: Tensor


Grouping = Callable[[StateDict, int], dict[str, Group]]  # of tensors and a number of attention heads


class GroupedMasks(TrainedMasks):
    """Entries that are one at first; each side is trained by Adam on its own gradient, which sums over a group.

    dL/dm = factor · Σ Δ ⊙ G over the weights that entry m scales.
    """

    def __init__(
        self,
        base: StateDict,
        pre: StateDict,
        post: StateDict,
        factor: Mapping[str, float],
        groups: Mapping[str, Group],
    ) -> None:
        """`groups` has one for every tensor."""
        self.groups = {name: groups[name] for name in base}
        sizes: dict[str, int] = {}
        for key, entries in self.groups.values():
            sizes[key] = max(sizes.get(key, 0), int(entries.max()) + 1)
        like = next(iter(base.values()))
        ones = {side: {key: like.new_ones(size) for key, size in sizes.items()} for side in SIDES}
        super().__init__(base, pre, post, factor, ones)
        self.gradients = {side: {key: like.new_zeros(size) for key, size in sizes.items()} for side in SIDES}

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        super().begin(sides, rate)
        for side in sides:
            for gradient in self.gradients[side].values():
                gradient.zero_()

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        key, entries = self.groups[name]
        for side in self._sides:
            products = self.factor[side] * self.delta[side][name].float() * grad.float()
            summed = products.sum_to_size(entries.shape)
            self.gradients[side][key].index_add_(0, entries.flatten(), summed.flatten())

    @torch.no_grad()
    def finish(self, weights: StateDict) -> None:
        for side in self._sides:
            for key, gradient in self.gradients[side].items():
                self.adams[side].move(key, self.values[side][key], gradient)
        self.apply(weights)

    def mask(self, side: str, name: str) -> Tensor:
        key, entries = self.groups[name]
        return self.values[side][key][entries]


def rows(base: StateDict, heads: int) -> dict[str, Group]:
    """An entry for every row of a tensor, that is, every output of a layer; for every entry of a vector."""
    return {name: Group(name, _along(tensor, 0)) for name, tensor in base.items()}


def attention_heads(base: StateDict, heads: int) -> dict[str, Group]:
    """An entry for every attention head, its rows of q, k and v and its columns of the projection; one a tensor else.

    The rows of q, k and v, one below the other, come head by head, as do those columns.
    """
    groups = {}
    for name, place in locate(base).items():
        tensor = base[name]
        kind, _, part = place.kind.rpartition(".")
        if kind == "qkv":
            of_rows = _along(tensor, 0) % (len(tensor) // 3) // (len(tensor) // 3 // heads)
            groups[name] = Group(place.layer, of_rows)
        elif part == "weight" and kind in ("q", "k", "v", *CROSS[:-1]):
            groups[name] = Group(_attention(place), _along(tensor, 0) // (len(tensor) // heads))
        elif part == "weight" and kind in ("proj", CROSS[-1]):
            groups[name] = Group(_attention(place), _along(tensor, 1) // (tensor.shape[1] // heads))
        else:
            groups[name] = Group(name, _all(tensor))
    return groups


def _attention(place: TensorPlace) -> str:
    """What the attention of a tensor is called: a decoder's block has two."""
    return f"{place.layer}, cross" if place.kind.startswith("cross_") else place.layer


def layers(base: StateDict, heads: int) -> dict[str, Group]:
    """An entry for every layer: a block of the network, a stage of its stem."""
    return {name: Group(place.layer, _all(base[name])) for name, place in locate(base).items()}


def tasks(base: StateDict, heads: int) -> dict[str, Group]:
    """One entry for the whole task vector."""
    return {name: Group("task", _all(tensor)) for name, tensor in base.items()}


def _along(tensor: Tensor, dim: int) -> Tensor:
    """0, 1, … along one dimension of a tensor, the others of length one."""
    if not tensor.dim():
        return torch.zeros((), dtype=torch.long, device=tensor.device)
    shape = [size if place == dim else 1 for place, size in enumerate(tensor.shape)]
    return torch.arange(tensor.shape[dim], device=tensor.device).view(shape)


def _all(tensor: Tensor) -> Tensor:
    return torch.zeros((1,) * tensor.dim(), dtype=torch.long, device=tensor.device)
