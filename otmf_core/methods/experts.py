"""Low-rank experts of matrices and their gates (MINGLE, arXiv 2505.11883): how they are made, stored and used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.methods.matrix_rules import rank_of
from otmf_core.models.grown import Place
from otmf_core.models.matrices import IN_BLOCKS, Matrix, matrices
from otmf_core.models.task_vector import StateDict


def low_rank(values: Tensor, earlier: Tensor | None, rank: int) -> tuple[Tensor, Tensor]:
    """The expert BA of a matrix (rows, columns): B (rows, n) and A (n, columns), n = min(rank, rows, columns).

    It is the truncated SVD of the matrix without U_r(U_rᵀΔV_r)V_rᵀ, where UΣVᵀ is the sum of the earlier experts and r
    the whole part of exp(entropy of σ/Σσ), its effective rank; the whole matrix where there are none. In float32.
    """
    if earlier is not None and earlier.any():
        u, singular, vh = torch.linalg.svd(earlier, full_matrices=False)
        shares = singular[: rank_of(singular, earlier)] / singular.sum()
        effective = int((-(shares * shares.log()).sum()).exp())
        u, v = u[:, :effective], vh[:effective].T
        values = values - u @ (u.T @ values @ v) @ v.T
    u, singular, vh = torch.linalg.svd(values, full_matrices=False)
    return u[:, :rank].contiguous(), singular[:rank, None] * vh[:rank]


@dataclass(frozen=True, eq=False)
class Experts:
    """All experts of one matrix, e of rank n: x is mapped to Σᵢ gᵢ·BᵢAᵢx besides.

    Gates are affine in the mean of the tokens: of every sample, or `pooled`, of all that are encoded together.
    """

    left: Tensor  # (rows, e·n) B of all of them, side by side
    right: Tensor  # (e·n, columns) A of all of them, one below the other
    weights: Tensor  # (e, columns) of the gates
    biases: Tensor  # (e,)
    pooled: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """(n, …, columns) -> (n, …, rows)."""
        gates = x.flatten(1, -2).mean(1) @ self.weights.T + self.biases
        if self.pooled:
            gates = gates.mean(0, keepdim=True)
        spread = gates.repeat_interleave(len(self.right) // len(self.weights), dim=1)
        return (x @ self.right.T * spread.view(len(spread), *[1] * (x.dim() - 2), -1)) @ self.left.T

    def total(self) -> Tensor:
        """Σᵢ BᵢAᵢ, without gates."""
        return self.left @ self.right

    def joined(self, left: Tensor, right: Tensor, weight: Tensor, bias: Tensor) -> Experts:
        """These and one more: B, A and its gate's weight (columns,) and bias ()."""
        return Experts(
            torch.cat([self.left, left], 1),
            torch.cat([self.right, right]),
            torch.cat([self.weights, weight[None]]),
            torch.cat([self.biases, bias[None]]),
            self.pooled,
        )

    def gated(self, weight: Tensor, bias: Tensor) -> Experts:
        """These with another gate of the last one."""
        weights = torch.cat([self.weights[:-1], weight[None]])
        return replace(self, weights=weights, biases=torch.cat([self.biases[:-1], bias[None]]))


def with_experts(delta: StateDict) -> Iterator[Matrix]:
    """The matrices of a task vector that have experts."""
    return (matrix for matrix in matrices(delta) if matrix.kind in IN_BLOCKS)


def none_yet(values: Tensor, pooled: bool) -> Experts:
    """No expert of a matrix of that shape, in float32 on its device."""
    rows, columns = values.shape
    left, right, weights, biases = (
        torch.zeros(shape, device=values.device) for shape in ((rows, 0), (0, columns), (0, columns), (0,))
    )
    return Experts(left, right, weights, biases, pooled)


def stored(experts: Mapping[Place, Experts]) -> StateDict:
    """The tensors of a state that keep these experts."""
    parts = ("left", "right", "weights", "biases")
    return {
        f"{name}/{kind}/{part}": getattr(own, part).contiguous()
        for (name, kind), own in experts.items()
        for part in parts
    }


def stored_bases(bases: Mapping[Place, Tensor]) -> StateDict:
    """The tensors of a state that keep the directions of earlier tasks' inputs."""
    return {f"{name}/{kind}/basis": basis.contiguous() for (name, kind), basis in bases.items()}


def with_gates(experts: Mapping[Place, Experts], kept: StateDict) -> dict[Place, Experts]:
    """The experts with the gates that a step kept for the last ones; raises as `read` does."""
    found = {}
    for (name, kind), own in experts.items():
        weight = _checked(kept, f"{name}/{kind}/weight", (own.weights.shape[1],))
        found[name, kind] = own.gated(weight, _checked(kept, f"{name}/{kind}/bias", ()))
    return found


def read(tensors: StateDict, delta: StateDict, pooled: bool) -> dict[Place, Experts]:
    """The experts of a state's tensors, of every matrix of Δ_m that has some.

    Raises InputError, naming the tensor, when one is missing, not finite or of another shape than its matrix asks for.
    """
    found = {}
    for matrix in with_experts(delta):
        rows, columns = matrix.values.shape
        place = f"{matrix.name}/{matrix.kind}"
        biases = _checked(tensors, f"{place}/biases", (None,))
        count = len(biases)
        left = _checked(tensors, f"{place}/left", (rows, None))
        width = left.shape[1]
        if not count or not width or width % count:
            raise InputError(f"experts of a matrix have the same rank: {place} has {width} columns for {count} gates")
        right = _checked(tensors, f"{place}/right", (width, columns))
        weights = _checked(tensors, f"{place}/weights", (count, columns))
        found[matrix.name, matrix.kind] = Experts(left, right, weights, biases, pooled)
    return found


def read_basis(tensors: StateDict, matrix: Matrix) -> Tensor:
    """The directions (columns, k) of a matrix's inputs that gates are held off from; raises likewise."""
    return _checked(tensors, f"{matrix.name}/{matrix.kind}/basis", (matrix.values.shape[1], None))


def _checked(tensors: StateDict, name: str, shape: tuple[int | None, ...]) -> Tensor:
    tensor = tensors.get(name)
    found = None if tensor is None else tuple(tensor.shape)
    fits = found is not None and len(found) == len(shape)
    fits = fits and all(asked in (None, given) for asked, given in zip(shape, found or (), strict=True))
    if tensor is None or not fits:
        asked = " × ".join("any" if size is None else str(size) for size in shape)
        raise InputError(f"experts follow their matrices: {shown(name)} is {found or 'missing'}, expected {asked}")
    if not tensor.is_floating_point() or not tensor.isfinite().all():
        raise InputError(f"experts are finite numbers of floating point: {shown(name)} is not")
    return tensor.float()
