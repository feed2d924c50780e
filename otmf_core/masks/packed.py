"""Element-wise masks of small tensors, trained side by side in one: a few operations for all of them, not for each."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from otmf_core.masks.adam import to_device
from otmf_core.masks.base import MaskPair
from otmf_core.masks.element import ElementMasks
from otmf_core.masks.shared import SharedMasks
from otmf_core.masks.shifts import CHUNK
from otmf_core.models.task_vector import StateDict

PACK = ""  # the name of the tensor that holds the small ones


class PackedMasks(MaskPair):
    """Masks of which tensors with fewer than CHUNK entries are parts of one; the results are the same.

    The gradients of the parts are gathered, and their weights written at the end of an iteration.
    """

    def __init__(
        self,
        family: type[ElementMasks | SharedMasks],
        base: StateDict,
        pre: StateDict,
        post: StateDict,
        factor: Mapping[str, float],
    ) -> None:
        super().__init__(base, pre, post, factor)
        self._places: dict[str, slice] = {}
        end = 0
        for name, tensor in base.items():
            if tensor.numel() < CHUNK:
                self._places[name] = slice(end, end + tensor.numel())
                end += tensor.numel()
        self._masks = family(self._packed(base), self._packed(pre), self._packed(post), factor)
        self._gradient, self._weight = (torch.zeros_like(self._masks.base[PACK]) for _ in range(2))

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        self._masks.factor, self._masks.momentum = self.factor, self.momentum
        self._masks.begin(sides, rate)
        self._gradient.zero_()

    @torch.no_grad()
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        if name in self._places:
            self._gradient[self._places[name]] = grad.view(-1)
        else:
            self._masks.consume(name, grad, weight)

    @torch.no_grad()
    def finish(self, weights: StateDict) -> None:
        self._masks.consume(PACK, self._gradient, self._weight)
        self._unpack(weights)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        self._masks.factor = self.factor
        self._masks.apply({PACK: self._weight, **{n: w for n, w in weights.items() if n not in self._places}})
        self._unpack(weights)

    def mask(self, side: str, name: str) -> Tensor:
        if name not in self._places:
            return self._masks.mask(side, name)
        return self._masks.flat_mask(side, PACK, self._places[name]).view(self.base[name].shape)

    def entries(self) -> int:
        return self._masks.entries()

    def merged(self) -> StateDict:
        """As in MaskPair. Training is over: what it took is freed."""
        merged = self._masks.merged()
        pack = merged.pop(PACK)
        return {name: self._part(pack, name) if name in self._places else merged[name] for name in self.base}

    def state(self) -> StateDict:
        """As that of the masks by themselves, by the tensors' own names: a fusion goes on with either."""
        state = self._masks.state()
        for key in [key for key in state if key.endswith(f"/{PACK}")]:
            pack = state.pop(key)
            state |= {f"{key}{name}": self._part(pack, name) for name in self._places}
        return state

    def load(self, state: StateDict) -> None:
        state = to_device(state, self.base)
        some = next(iter(self.base))
        kinds = [key.removesuffix(some) for key in state if key.endswith(f"/{some}")]
        self._masks.load({**state, **{kind + PACK: self._pack(state, kind) for kind in kinds}})

    def _unpack(self, weights: StateDict) -> None:
        for name, place in self._places.items():
            weights[name].view(-1).copy_(self._weight[place])

    def _part(self, pack: Tensor, name: str) -> Tensor:
        """A copy of one tensor of a pack, since files hold no parts of others."""
        return pack.view(-1)[self._places[name]].view(self.base[name].shape).clone()

    def _packed(self, tensors: StateDict) -> StateDict:
        """The large tensors, and the small ones, in float32, end to end in one."""
        large = {name: tensor for name, tensor in tensors.items() if name not in self._places}
        return {PACK: self._pack(tensors), **large}

    def _pack(self, tensors: StateDict, kind: str = "") -> Tensor:
        nothing = next(iter(self.base.values())).new_zeros(0, dtype=torch.float32)
        return torch.cat([nothing, *(tensors[f"{kind}{name}"].reshape(-1).float() for name in self._places)])
