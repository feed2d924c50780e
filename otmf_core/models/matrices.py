"""The weight matrices of a task vector, for methods that decompose them: q, k and v apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmf_core.models.task_vector import StateDict
from otmf_core.models.tensor_names import locate

if TYPE_CHECKING:
    from torch import Tensor

STACKED = "qkv"  # three matrices of equal height in one tensor: open_clip's in_proj_weight, timm's qkv.weight

IN_BLOCKS = (*STACKED, "proj", "fc1", "fc2")  # kinds of the matrices of attention and MLP


@dataclass(frozen=True, eq=False)
class Matrix:
    """A linear map of the network: its tensor, its kind (q, k, v, proj, fc1, fc2, out), its values (rows, columns).

    A row is an output, a column an input. The values share the tensor's memory, so that writing to them writes to the
    task vector.
    """

    name: str
    kind: str
    values: Tensor


def matrices(delta: StateDict) -> Iterator[Matrix]:
    """Every linear map of Δ, in the order of its tensors; embeddings, convolutions, norms and biases are none."""
    places = locate(delta)
    for name, tensor in delta.items():
        kind, _, part = places[name].kind.rpartition(".")
        if part != "weight" or tensor.dim() != 2:
            continue
        if kind != STACKED:
            # open_clip's bare proj is multiplied from the right: its rows are inputs
            yield Matrix(name, kind, tensor if name.endswith("weight") else tensor.T)
            continue
        for letter, values in zip(STACKED, tensor.chunk(3), strict=True):
            yield Matrix(name, letter, values)


def matrix_shapes(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, tuple[int, int]]]:
    """The kind and (rows, columns) of every linear map, from the shapes of tensors alone."""
    places = locate(shapes)
    for name, shape in shapes.items():
        kind, _, part = places[name].kind.rpartition(".")
        if part != "weight" or len(shape) != 2:
            continue
        if kind == STACKED:
            yield from ((letter, (shape[0] // 3, shape[1])) for letter in STACKED)
        else:
            rows, columns = shape if name.endswith("weight") else shape[::-1]
            yield kind, (rows, columns)
