"""Merges of the same matrix of several tasks by its singular values and vectors: Iso-C, Iso-CTS and TSV-M.

Each takes one float32 tensor (rows, columns) per task, to be read alone, and returns one of that shape; SVDs are thin.
Directions that a matrix lacks are left out: which ones a decomposition returns for them is arbitrary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from otmf_core.methods.matrix_rules import rank_of

Triplets = tuple[Tensor, Tensor, Tensor]  # U (rows, n), σ (n,), Vᵀ (n, columns)


def iso_c(parts: Sequence[Tensor], scaling: float) -> Tensor:
    """α·σ̄·UVᵀ of the sum UΣVᵀ, where σ̄ is the mean of its singular values (arXiv 2502.04959)."""
    u, values, vh = _leading(_total(parts))
    return scaling * _mean(values) * (u @ vh)


def iso_cts(parts: Sequence[Tensor], scaling: float, common: float) -> Tensor:
    """α·σ̄·UVᵀ of the sum's leading directions and of each task's outside of them (arXiv 2502.04959).

    `common` is the sum's share of min(rows, columns) directions, which also has those that the tasks cannot divide. U
    and V are the polar factors of all that was collected, σ̄ is the mean of its singular values.
    """
    tasks, size = len(parts), min(parts[0].shape)
    each = min(round((size - int(common * size)) / tasks), size // tasks)
    shared = _leading(_total(parts), size - each * tasks)
    u = shared[0]
    left, values, right = _stacked([shared] + [_leading(part - u @ (u.T @ part), each) for part in parts])
    return scaling * _mean(values) * (_polar(left) @ _polar(right))


def tsv_m(parts: Sequence[Tensor], scaling: float) -> Tensor:
    """α·UΣVᵀ of the leading ⌊d/T⌋ triplets of all T tasks, d = min(rows, columns) (arXiv 2412.00081).

    U and V are the polar factors of what was collected. Of more than d tasks each keeps one triplet.
    """
    each = max(min(parts[0].shape) // len(parts), 1)
    left, values, right = _stacked([_leading(part, each) for part in parts])
    return scaling * (_polar(left) * values) @ _polar(right)


def _total(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum(0)


def _mean(values: Tensor) -> Tensor:
    """Their mean, 0 where there are none."""
    return values.sum() / max(len(values), 1)


def _leading(matrix: Tensor, count: int | None = None) -> Triplets:
    """So many singular triplets, the largest; no more than the rank."""
    u, values, vh = torch.linalg.svd(matrix, full_matrices=False)
    kept = min(rank_of(values, matrix), len(values) if count is None else count)
    return u[:, :kept], values[:kept], vh[:kept]


def _stacked(triplets: Sequence[Triplets]) -> Triplets:
    left, values, right = zip(*triplets, strict=True)
    return torch.cat(left, 1), torch.cat(values), torch.cat(right, 0)


def _polar(matrix: Tensor) -> Tensor:
    """UVᵀ of UΣVᵀ: the nearest matrix whose singular values are all one."""
    if not matrix.numel():
        return matrix
    u, _, vh = _leading(matrix)
    return u @ vh
