"""One rule for every weight matrix of several task vectors, and a plain one for all that is no matrix.

A matrix is what `models/matrices.py` yields: q, k, v and proj of attention, fc1, fc2, the projection out. Embeddings,
norms, biases and convolutions, of a patch embedding or a stem, are none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from otmf_core.models.matrices import Matrix, matrices
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from torch import Tensor

Others = Literal["sum", "mean", "base"]  # of the vectors; `base` leaves the pre-trained weights as they are
Rule = Callable[[Sequence["Tensor"], Matrix], "Tensor | None"]


def by_matrix(vectors: Sequence[StateDict], rule: Rule, others: Others) -> StateDict:
    """`rule` of every matrix of the vectors, `others` of every other tensor, in float32; no vector is changed.

    The rule gets one float32 tensor (rows, columns) per vector, to be read alone, and the matrix, whose name and kind
    it may go by. It returns their merged tensor of that shape, or None for a matrix that is merged as `others` are.
    """
    first = vectors[0]
    merged = {name: _other([vector[name] for vector in vectors], others) for name in first}
    ordered = [{name: vector[name] for name in first} for vector in vectors]
    for matrix, *parts in zip(matrices(merged), *map(matrices, ordered), strict=True):
        values = rule([part.values.float() for part in parts], matrix)
        if values is not None:
            matrix.values.copy_(values)
    return merged


def _other(tensors: Sequence[Tensor], others: Others) -> Tensor:
    total = tensors[0].float().clone()
    for tensor in tensors[1:]:
        total += tensor
    return total * {"sum": 1.0, "mean": 1 / len(tensors), "base": 0.0}[others]


def rank_of(singular_values: Tensor, matrix: Tensor) -> int:
    """The rank of a matrix by its singular values (descending): how many are above the rounding of its float type."""
    import torch

    rounding = max(matrix.shape) * torch.finfo(matrix.dtype).eps
    return int((singular_values > rounding * singular_values[0]).sum())
