"""Element-wise masks of small tensors, trained side by side in one: a few operations for all of them, not for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from otmf_core.masks.adam import to_device
from otmf_core.masks.base import MaskPair
from otmf_core.masks.element import ElementMasks
from otmf_core.masks.shared import SharedMasks
from otmf_core.masks.shifts import CHUNK
from otmf_core.models.task_vector import StateDict, Tensors

PACK = ""  # the name of the tensor that holds the small ones


class PackedMasks(MaskPair):
    """Masks of which tensors with fewer than CHUNK entries are parts of one; the results are the same.

    The gradients of the parts are gathered, and their weights written at the end of an iteration.
    """

    def __init__(
        self,
        family: type[ElementMasks | SharedMasks],
        base: Tensors,
        pre: StateDict,
        post: StateDict,
        factor: Mapping[str, float],
    ) -> None:
        super().__init__(base, pre, post, factor)
        self._places: dict[str, slice] = {}
        end = 0
        for name, tensor in pre.items():
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
        return self._masks.flat_mask(side, PACK, self._places[name]).view(self.delta[side][name].shape)

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
        return pack.view(-1)[self._places[name]].view(self.delta["pre"][name].shape).clone()

    def _packed(self, tensors: Tensors) -> Tensors:
        return _Packed(self._pack(tensors), self._places, tensors)

    def _pack(self, tensors: Tensors, kind: str = "") -> Tensor:
        """The small tensors in float32, end to end."""
        nothing = next(iter(self.delta["pre"].values())).new_zeros(0, dtype=torch.float32)
        return torch.cat([nothing, *(tensors[f"{kind}{name}"].reshape(-1).float() for name in self._places)])


class _Packed(Mapping[str, Tensor]):
    """The pack and the large tensors, which are asked for where they are."""

    def __init__(self, pack: Tensor, small: Mapping[str, slice], tensors: Tensors) -> None:
        self._pack, self._tensors = pack, tensors
        self._names = [PACK, *(name for name in tensors if name not in small)]

    def __getitem__(self, name: str) -> Tensor:
        return self._pack if name == PACK else self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
