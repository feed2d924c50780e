"""Element-wise masks over any number of task vectors at once, trained straight from the gradient of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from otmf_core.masks.adam import BETAS, EPS, to_device
from otmf_core.masks.element import CHUNK
from otmf_core.masks.measures import SIDES
from otmf_core.methods.training import Learner
from otmf_core.models.task_vector import StateDict


class VectorMasks(Learner):
    """Δ_m = λ·Σ_k M_k ⊙ Δ_k with a mask entry for every entry of every vector, all one at first, trained by Adam.

    As in `masks/element.py` Adam's moments are kept of G = dL/dΔ_m: of a mask's gradient g = λ·Δ_k⊙G the first moment
    is λ·Δ_k⊙m(G) and the root of the second |λ·Δ_k|⊙√v(G), so that all masks share one pair of moments, exactly.
    """

    def __init__(self, base: StateDict, vectors: Sequence[StateDict], factor: float) -> None:
        """`vectors` are of any float type and have the keys and shapes of θ⁰; λ is the factor of each, at least 0."""
        self.base, self.vectors, self.factor = base, vectors, factor
        self.masks = [{name: torch.ones_like(tensor) for name, tensor in base.items()} for _ in vectors]
        self.moments = {name: (torch.zeros_like(tensor), torch.zeros_like(tensor)) for name, tensor in base.items()}
        self.count = 0

    def begin(self, rate: float, sides: tuple[str, ...] = SIDES) -> None:
        self.count += 1
        self._rate = rate

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        """One Adam step on the masks of tensor `name`, all from the same moments; writes the new θ_m into `weight`."""
        step_size = self.factor * self._rate / (1 - BETAS[0] ** self.count)
        root_correction = 1 / math.sqrt(1 - BETAS[1] ** self.count)
        for (g, first, second, base, out), deltas, masks in self._chunks(name, grad, *self.moments[name], weight):
            first.lerp_(g, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
            root = second.sqrt().mul_(root_correction * self.factor)
            for delta, mask in zip(deltas, masks, strict=True):
                mask.addcdiv_(delta * first, (delta.abs() * root).add_(EPS), value=-step_size)
            self._write(out, base, deltas, masks)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        for name, weight in weights.items():
            for (base, out), deltas, masks in self._chunks(name, weight):
                self._write(out, base, deltas, masks)

    @torch.no_grad()
    def merged(self) -> StateDict:
        """As in Learner; the moments are freed."""
        self.moments.clear()
        merged = {name: torch.zeros_like(tensor) for name, tensor in self.base.items()}
        for vector, masks in zip(self.vectors, self.masks, strict=True):
            for name, total in merged.items():
                total.addcmul_(vector[name].float(), masks[name], value=self.factor)
        return merged

    def state(self) -> StateDict:
        tensors = {f"mask/{k}/{name}": mask for k, masks in enumerate(self.masks) for name, mask in masks.items()}
        for name, (first, second) in self.moments.items():
            tensors |= {f"first/{name}": first, f"second/{name}": second}
        return {"count": torch.tensor(self.count), **tensors}

    def load(self, state: StateDict) -> None:
        self.count = int(state["count"])
        state = to_device(state, self.base)
        self.masks = [{name: state[f"mask/{k}/{name}"] for name in self.base} for k in range(len(self.vectors))]
        self.moments = {name: (state[f"first/{name}"], state[f"second/{name}"]) for name in self.base}

    def _write(self, out: Tensor, base: Tensor, deltas: Sequence[Tensor], masks: Sequence[Tensor]) -> None:
        out.copy_(base)
        for delta, mask in zip(deltas, masks, strict=True):
            out.addcmul_(delta, mask, value=self.factor)

    def _chunks(self, name: str, *operands: Tensor) -> Iterator[tuple[list[Tensor], list[Tensor], list[Tensor]]]:
        """Flat pieces that fit the cache on CPU: of the operands, θ⁰ before the last one, of the Δ_k and of the M_k."""
        *others, out = (operand.view(-1) for operand in operands)
        flat = [*others, self.base[name].view(-1), out]
        deltas = [vector[name].view(-1) for vector in self.vectors]
        masks = [mask[name].view(-1) for mask in self.masks]
        piece = CHUNK if out.device.type == "cpu" else max(len(out), 1)
        for start in range(0, len(out), piece):
            own = slice(start, start + piece)
            yield [part[own].float() for part in flat], [part[own].float() for part in deltas], [m[own] for m in masks]
