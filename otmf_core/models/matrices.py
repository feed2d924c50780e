"""The weight matrices of a task vector, for methods that decompose them: q, k and v apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmf_core.models.tensor_names import locate

if TYPE_CHECKING:
    from torch import Tensor

STACKED = "qkv"  # three matrices of equal height in one tensor: open_clip's in_proj_weight, timm's qkv.weight

CROSS = tuple(f"cross_{kind}" for kind in (*STACKED, "proj"))  # of attention to what an encoder puts out
IN_BLOCKS = (*STACKED, "proj", *CROSS, "fc1", "gate", "fc2")  # kinds of the matrices of attention and MLP


@dataclass(frozen=True, eq=False)
class Matrix:
    """A linear map of the network: its tensor, its kind (one of IN_BLOCKS, or out), its values (rows, columns).

    A row is an output, a column an input. The values share the tensor's memory, so that writing to them writes to the
    task vector.
    """

    name: str
    kind: str
    values: Tensor


def matrices(delta: Mapping[str, Tensor]) -> Iterator[Matrix]:
    """Every linear map of Δ, in the order of its tensors; embeddings, convolutions, norms and biases are none."""
    for name, kind in _linear({name: tuple(tensor.shape) for name, tensor in delta.items()}):
        tensor = delta[name]
        if kind == STACKED:
            for letter, values in zip(STACKED, tensor.chunk(3), strict=True):
                yield Matrix(name, letter, values)
        else:
            yield Matrix(name, kind, tensor if _is_upright(name) else tensor.T)


def matrix_shapes(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, tuple[int, int]]]:
    """The kind and (rows, columns) of every linear map, from the shapes of tensors alone."""
    for name, kind in _linear(shapes):
        rows, columns = shapes[name] if _is_upright(name) else shapes[name][::-1]
        if kind == STACKED:
            yield from ((letter, (rows // 3, columns)) for letter in STACKED)
        else:
            yield kind, (rows, columns)


def _linear(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, str]]:
    """The name and the kind of every tensor that is a linear map, or three of them stacked."""
    for name, place in locate(shapes).items():
        kind, _, part = place.kind.rpartition(".")
        if part == "weight" and len(shapes[name]) == 2:
            yield name, kind


def _is_upright(name: str) -> bool:
    """Whether rows are outputs: open_clip's bare proj is multiplied from the right, so that its rows are inputs."""
    return name.endswith("weight")
