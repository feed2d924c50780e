"""Binary masks over the singular components of several task vectors' matrices, and a coefficient for every tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from otmf_core.masks.adam import Adam, to_device
from otmf_core.masks.measures import SIDES
from otmf_core.methods.iterating import Row
from otmf_core.methods.training import Learner
from otmf_core.models.matrices import IN_BLOCKS, matrices
from otmf_core.models.task_vector import StateDict

LOGIT, TEMPERATURE = 0.1, 10.0  # of every component at first; a component is there while its logit is above 0


class RankMasks(Learner):
    """Δ_m = Σ_k λ_k·U_k·diag(b_k)·Σ_k·V_kᵀ of every masked matrix, Σ_k λ_k·Δ_k of every other tensor, trained by Adam.

    b is 1 where a component's logit is above 0, else 0, and has the gradient of sigmoid(logit / TEMPERATURE), straight
    through. λ is of a vector's tensor. With c_i = σ_i·u_iᵀGv_i gradients are dL/dλ = Σ_i b_i·c_i and dL/db_i = λ·c_i.
    Of a decomposition only the basis of the smaller side is held, since U·diag(b)·Σ·Vᵀ = U·diag(b)·Uᵀ·Δ.
    """

    def __init__(self, base: StateDict, vectors: Sequence[StateDict], factor: float) -> None:
        """`vectors` are of any float type and have the keys of θ⁰, λ is `factor` at first; SVDs are of float32."""
        self.base, self.vectors = base, vectors
        self.kinds: dict[str, list[str]] = {name: [] for name in base}  # of the masked matrices in a tensor
        self.bases: dict[str, list[Tensor]] = {}  # by matrix, of each vector U (d, d), d the smaller of its sides
        for k, vector in enumerate(vectors):
            for matrix in matrices({name: vector[name].float() for name in base}):
                if matrix.kind in IN_BLOCKS:  # as the authors mask them
                    left = torch.linalg.svd(_wide(matrix.values), full_matrices=False).U
                    self.bases.setdefault(_mask(matrix.name, matrix.kind), []).append(left)
                    if k == 0:
                        self.kinds[matrix.name].append(matrix.kind)
        like = next(iter(base.values()))
        self.values = {_factor(name): like.new_full((len(vectors),), factor) for name in base}
        self.values |= {key: like.new_full((len(vectors), len(us[0])), LOGIT) for key, us in self.bases.items()}
        self.adam = Adam(self.values)

    def begin(self, rate: float, sides: tuple[str, ...] = SIDES) -> None:
        self.adam.begin(rate)

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        """One Adam step on what Δ_m of tensor `name` is made of; writes the new θ_m into `weight`."""
        factors = self.values[_factor(name)]
        gradients = {_factor(name): torch.zeros_like(factors)}
        if not self.kinds[name]:
            flat = grad.float().flatten()
            gradients[_factor(name)] = torch.stack([flat @ v[name].float().flatten() for v in self.vectors])
        views = dict(self._views(name, grad.float()))
        for key, parts in self._parts(name):
            own = _wide(views[key])
            products = [((u.T @ own) * (u.T @ part)).sum(dim=1) for u, part in zip(self.bases[key], parts, strict=True)]
            components, soft = torch.stack(products), (self.values[key] / TEMPERATURE).sigmoid()
            gradients[_factor(name)] += (components * self._kept(key)).sum(dim=1)
            gradients[key] = factors[:, None] * components * soft * (1 - soft) / TEMPERATURE
        for key, gradient in gradients.items():
            self.adam.move(key, self.values[key], gradient)
        torch.add(self.base[name], self._delta(name), out=weight)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        for name, weight in weights.items():
            torch.add(self.base[name], self._delta(name), out=weight)

    @torch.no_grad()
    def merged(self) -> StateDict:
        return {name: self._delta(name) for name in self.base}

    def state(self) -> StateDict:
        return {**self.values, **self.adam.state()}

    def load(self, state: StateDict) -> None:
        self.values = to_device({key: state[key] for key in self.values}, self.base)
        self.adam.load(state)

    def columns(self, iteration: int) -> Row:
        """The share of components that are there, of the vectors before the last and of the last."""
        if not self.bases:
            return {}
        shares = torch.cat([self._kept(key) for key in self.bases], dim=1).mean(dim=1)
        return {"mask_pre_mean": shares[:-1].mean().item(), "mask_post_mean": shares[-1].item()}

    def _kept(self, key: str) -> Tensor:
        """b of a matrix (vectors, d)."""
        return (self.values[key] > 0).float()

    def _delta(self, name: str) -> Tensor:
        """Δ_m of one tensor, in float32."""
        factors = self.values[_factor(name)]
        total = torch.zeros_like(self.base[name])
        if not self.kinds[name]:
            for vector, factor in zip(self.vectors, factors, strict=True):
                total.addcmul_(vector[name].float(), factor)
        views = dict(self._views(name, total))
        for key, parts in self._parts(name):
            for u, part, kept, factor in zip(self.bases[key], parts, self._kept(key), factors, strict=True):
                masked = part if kept.all() else u @ (kept[:, None] * (u.T @ part))
                _wide(views[key]).addcmul_(masked, factor)
        return total

    def _parts(self, name: str) -> Iterator[tuple[str, list[Tensor]]]:
        """Every masked matrix of a tensor, with its values (d, n) in each vector."""
        views = [dict(self._views(name, vector[name].float())) for vector in self.vectors]
        for kind in self.kinds[name]:
            key = _mask(name, kind)
            yield key, [_wide(own[key]) for own in views]

    def _views(self, name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The masked matrices in a tensor of that name, by key; they share its memory."""
        if self.kinds[name]:
            for matrix in matrices({name: tensor}):
                yield _mask(name, matrix.kind), matrix.values


def _factor(name: str) -> str:
    return f"factor/{name}"


def _mask(name: str, kind: str) -> str:
    return f"mask/{name}/{kind}"


def _wide(values: Tensor) -> Tensor:
    """A matrix (rows, columns) or its transpose: the one with no more rows than columns, sharing its memory."""
    return values if values.shape[0] <= values.shape[1] else values.T
