"""Element-wise masks over any number of vectors that are trained by the same gradients: one number for each weight.

With G = dL/dθ_m the gradient of mask M_k is c_k·Δ_k⊙G. Adam divides by the size of a gradient, so that c_k·|Δ_k| falls
out of its step: every mask of a weight moves by the same u = m(G)/√v(G), up to the sign of its Δ_k. Together they move
the weight by −u·Σ_k |c_k·Δ_k|, and where the weight is tells what all its masks are. So no mask is kept while they are
trained: the weights are moved in place, each at a rate of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor

from otmf_core.masks.adam import BETAS, EPS, to_device
from otmf_core.models.inputs import LARGE
from otmf_core.models.task_vector import StateDict, Tensors

WHOLE = slice(None)
CHUNK = 1 << 16  # entries updated together on CPU, so that every operand of the update stays in the cache


class Shifts:
    """θ_m = θ⁰ + Σ_k c_k·M_k ⊙ Δ_k, equation (2) of arXiv 2511.19561, with all masks one at first.

    Adam's ε is added to √v(G), of the weights, in place of that of every mask. Of a large network m(G) is kept
    in bfloat16, and the rates Σ_k |c_k·Δ_k| not at all: they are summed up anew whenever a weight moves. A weight moves
    by whole steps of float32, and the masks are those that it has.
    """

    def __init__(self, base: Tensors, deltas: Sequence[Tensors], factors: Sequence[float]) -> None:
        """`deltas` are of any float type and have the keys and shapes of θ⁰; `factors` are the c_k, at least 0.

        No iteration reads θ⁰.
        """
        self.base, self.deltas, self.factors = base, deltas, list(factors)
        self.trained: Collection[int] = range(len(deltas))
        self.count = 0
        self.moments: dict[str, tuple[Tensor, Tensor]] = {}
        self._weights: StateDict = {}
        self._saved: StateDict = {}
        self._reach: StateDict = {}
        self._large = sum(tensor.numel() for tensor in deltas[0].values()) >= LARGE

    def begin(self, rate: float, momentum: float = BETAS[0]) -> None:
        """Start an iteration at Adam's `rate`; the momentum is β₁."""
        if not self.moments:
            kept = torch.bfloat16 if self._large else torch.float32
            self.moments = {
                name: (torch.zeros_like(delta, dtype=kept), torch.zeros_like(delta, dtype=torch.float32))
                for name, delta in self.deltas[0].items()
            }
        if not self._reach and not self._large:
            self._reach = {name: self._reach_of(name) for name in self.base}
        self.count += 1
        self._rate, self._momentum = rate, momentum

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        """One Adam step on all masks of tensor `name` from G = dL/dθ_m, by which `weight` is moved."""
        step_size = self._rate / (1 - self._momentum**self.count)
        correction = 1 / math.sqrt(1 - BETAS[1] ** self.count)
        for own, (g, first, second, moved) in _chunks(grad.float(), *self.moments[name], weight):
            reach = self._reach[name][own] if self._reach else self._reach_of(name, own)
            mean = first.float().lerp_(g, 1 - self._momentum)
            first.copy_(mean)
            second.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
            moved.addcdiv_(mean * reach, second.sqrt().mul_(correction).add_(EPS), value=-step_size)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        """Write θ_m into the weights, which are where masks are until they are written again."""
        for name, weight in weights.items():
            weight.copy_(self._saved[name] if name in self._saved else self.start(name))
        self._weights, self._saved = weights, {}

    def _weight(self, name: str) -> Tensor:
        """Where the weights of a tensor are, also of a training that was over when it was saved."""
        found = self._weights.get(name, self._saved.get(name))
        return self.start(name) if found is None else found

    def start(self, name: str) -> Tensor:
        """Where the weights of a tensor are when all masks are one."""
        return self._start_of(name).view(self.deltas[0][name].shape)

    def _start_of(self, name: str, own: slice = WHOLE) -> Tensor:
        weight = self.base[name].view(-1)[own].clone()
        for delta, factor in zip(self.deltas, self.factors, strict=True):
            weight.add_(delta[name].view(-1)[own].float(), alpha=factor)
        return weight

    def _reach_of(self, name: str, own: slice = WHOLE) -> Tensor:
        """Σ_k |c_k·Δ_k| of the vectors whose masks are trained: how far a change of one moves each weight, (n,)."""
        reach = torch.zeros_like(self.deltas[0][name].view(-1)[own], dtype=torch.float32)
        for k in self.trained:
            reach.add_(self.deltas[k][name].view(-1)[own].float().abs(), alpha=self.factors[k])
        return reach

    def mask(self, k: int, name: str) -> Tensor:
        """M_k of one tensor, float32; one where no weight moves."""
        return self.flat_mask(k, name).view(self.deltas[k][name].shape)

    @torch.no_grad()
    def flat_mask(self, k: int, name: str, own: slice = WHOLE) -> Tensor:
        """Entries of M_k end to end, and only these are worked out, (n,)."""
        delta = self.deltas[k][name].view(-1)[own]
        if k not in self.trained or not self.factors[k]:
            return torch.ones_like(delta, dtype=torch.float32)
        reach = self._reach_of(name, own)
        moved = (self._weight(name).view(-1)[own] - self._start_of(name, own)).div_(reach).masked_fill_(reach == 0, 0)
        return moved.mul_(delta.sign()).add_(1)

    @torch.no_grad()
    def merged(self) -> StateDict:
        """Δ_m = θ_m − θ⁰. Training is over: moments and rates are freed."""
        self.moments, self._reach = {}, {}
        return {name: self._weight(name) - tensor for name, tensor in self.base.items()}

    def state(self) -> StateDict:
        """Weights, moments and the count of iterations."""
        tensors = {"count": torch.tensor(self.count)}
        tensors |= {f"weight/{name}": self._weight(name) for name in self.base}
        for name, (first, second) in self.moments.items():
            tensors |= {f"first/{name}": first, f"second/{name}": second}
        return tensors

    def load(self, state: StateDict) -> None:
        """Continue from `state()`, which may be on another device; the next `apply` writes its weights."""
        self.count = int(state["count"])
        state = to_device(state, self.base)
        self._saved = {name: state[f"weight/{name}"] for name in self.base if f"weight/{name}" in state}
        names = [name for name in self.base if f"first/{name}" in state]
        self.moments = {name: (state[f"first/{name}"], state[f"second/{name}"]) for name in names}


def _chunks(*operands: Tensor) -> Iterator[tuple[slice, list[Tensor]]]:
    """Places in the operands' flat views, pieces that fit the cache on CPU, and the views there."""
    flat = [operand.view(-1) for operand in operands]
    size = len(flat[0])
    piece = CHUNK if flat[0].device.type == "cpu" else max(size, 1)
    for start in range(0, size, piece):
        own = slice(start, start + piece)
        yield own, [tensor[own] for tensor in flat]
