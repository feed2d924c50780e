"""Masks with one entry for every entry of the task vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from otmf_core.masks.adam import BETAS, EPS, to_device
from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import SIDES
from otmf_core.masks.shifts import CHUNK
from otmf_core.models.task_vector import StateDict, Tensors


class ElementMasks(MaskPair):
    """One mask entry for every entry of both task vectors, initialised to one and trained by Adam.

    Adam's moments are kept of G, not of the mask gradients: with g = c·Δ⊙G its first moment is c·Δ⊙m(G) and the root of
    its second |c·Δ|⊙√v(G), so both masks trained in a step share one pair of moments, exactly.
    """

    def __init__(self, base: Tensors, pre: Tensors, post: Tensors, factor: Mapping[str, float]) -> None:
        super().__init__(base, pre, post, factor)
        self.masks = {side: {name: torch.ones_like(tensor) for name, tensor in base.items()} for side in SIDES}
        self.moments: dict[str, dict[str, tuple[Tensor, Tensor]]] = {}
        self.counts: dict[str, int] = {}
        self._scratch: tuple[Tensor, ...] = ()

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        """Those trained together share their moments."""
        self._sides = tuple(side for side in sides if self.factor[side] > 0)
        self._stream = "+".join(sides)
        if self._stream not in self.moments:
            self.moments[self._stream] = {n: (torch.zeros_like(b), torch.zeros_like(b)) for n, b in self.base.items()}
            self.counts[self._stream] = 0
        self.counts[self._stream] += 1
        self._rate = rate

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        """One Adam step on the masks of tensor `name` from G = dL/dθ_m; writes the new θ_m into `weight`."""
        count = self.counts[self._stream]
        step_size = self._rate / (1 - self.momentum**count)
        root_correction = 1 / math.sqrt(1 - BETAS[1] ** count)
        operands = (grad.float(), *self.moments[self._stream][name], *self._operands(name), weight)
        for g, m, v, base, pre, post, mask_pre, mask_post, out in self._chunks(operands):
            root, denominator, numerator = (buffer[: len(g)] for buffer in self._scratch)
            m.lerp_(g, 1 - self.momentum)
            v.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
            torch.sqrt(v, out=root).mul_(root_correction)
            deltas, masks = {"pre": pre, "post": post}, {"pre": mask_pre, "post": mask_post}
            for side in self._sides:
                delta, factor = deltas[side], self.factor[side]
                torch.abs(delta, out=denominator).mul_(root).mul_(factor).add_(EPS)
                torch.mul(delta, m, out=numerator)
                masks[side].addcdiv_(numerator, denominator, value=-factor * step_size)
            self._write(out, base, pre, post, mask_pre, mask_post)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        for name, weight in weights.items():
            for base, pre, post, mask_pre, mask_post, out in self._chunks((*self._operands(name), weight)):
                self._write(out, base, pre, post, mask_pre, mask_post)

    def mask(self, side: str, name: str) -> Tensor:
        return self.masks[side][name]

    def flat_mask(self, side: str, name: str, own: slice) -> Tensor:
        """Entries of a mask end to end, (n,)."""
        return self.masks[side][name].view(-1)[own]

    def entries(self) -> int:
        return sum(mask.numel() for side in SIDES for mask in self.masks[side].values())

    def merged(self) -> StateDict:
        """As in MaskPair. Training is over: the moments are freed, twice the room Δ_m takes."""
        self.moments.clear()
        return super().merged()

    def state(self) -> StateDict:
        """Masks, moments and counts of iterations."""
        tensors = {f"mask/{side}/{name}": mask for side in SIDES for name, mask in self.masks[side].items()}
        for stream, moments in self.moments.items():
            tensors[f"count/{stream}"] = torch.tensor(self.counts[stream])
            for name, (first, second) in moments.items():
                tensors[f"first/{stream}/{name}"] = first
                tensors[f"second/{stream}/{name}"] = second
        return tensors

    def load(self, state: StateDict) -> None:
        state = to_device(state, self.base)
        for side in SIDES:
            self.masks[side] = {name: state[f"mask/{side}/{name}"] for name in self.base}
        for stream in [key.removeprefix("count/") for key in state if key.startswith("count/")]:
            self.counts[stream] = int(state[f"count/{stream}"])
            self.moments[stream] = {
                name: (state[f"first/{stream}/{name}"], state[f"second/{stream}/{name}"]) for name in self.base
            }

    def _operands(self, name: str) -> tuple[Tensor, ...]:
        deltas = (self.delta[side][name] for side in SIDES)
        return (self.base[name], *deltas, *(self.masks[side][name] for side in SIDES))

    def _write(self, out: Tensor, base: Tensor, pre: Tensor, post: Tensor, mask_pre: Tensor, mask_post: Tensor) -> None:
        torch.addcmul(base, pre, mask_pre, value=self.factor["pre"], out=out)
        out.addcmul_(post, mask_post, value=self.factor["post"])

    def _chunks(self, operands: tuple[Tensor, ...]) -> Iterator[list[Tensor]]:
        """The operands' flat views in float32 (copies of those that are not), in pieces that fit the cache on CPU."""
        flat = [operand.view(-1) for operand in operands]
        size = len(flat[0])
        piece = min(size, CHUNK) if flat[0].device.type == "cpu" else size
        if not self._scratch or len(self._scratch[0]) < piece or self._scratch[0].device != flat[0].device:
            self._scratch = tuple(torch.empty(piece, device=flat[0].device) for _ in range(3))
        for start in range(0, size, max(piece, 1)):
            yield [tensor[start : start + piece].float() for tensor in flat]
