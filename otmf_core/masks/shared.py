"""The two element-wise masks of a fusion where every iteration trains both: what it kept for each is kept for both."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from otmf_core.masks.adam import to_device
from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import SIDES
from otmf_core.masks.shifts import Shifts
from otmf_core.models.task_vector import StateDict, Tensors


class SharedMasks(MaskPair):
    """`ElementMasks` that are always trained together: `Shifts` of Δ_pre and Δ_post."""

    def __init__(self, base: Tensors, pre: Tensors, post: Tensors, factor: Mapping[str, float]) -> None:
        super().__init__(base, pre, post, factor)
        self._shifts = Shifts(base, [pre, post], [factor[side] for side in SIDES])
        self._stream = ""

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        """Always of the same sides: those that images are kept of."""
        self._train(sides)
        self._shifts.begin(rate, self.momentum)

    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        self._shifts.consume(name, grad, weight)

    def apply(self, weights: StateDict) -> None:
        self._shifts.factors = [self.factor[side] for side in SIDES]
        self._shifts.apply(weights)

    def mask(self, side: str, name: str) -> Tensor:
        return self._shifts.mask(SIDES.index(side), name)

    def flat_mask(self, side: str, name: str, own: slice) -> Tensor:
        """Entries of a mask end to end, (n,)."""
        return self._shifts.flat_mask(SIDES.index(side), name, own)

    def entries(self) -> int:
        return len(SIDES) * sum(tensor.numel() for tensor in self.delta["pre"].values())

    def merged(self) -> StateDict:
        return self._shifts.merged()

    def state(self) -> StateDict:
        state = self._shifts.state()
        count = state.pop("count")
        return {f"count/{self._stream}": count, **state} if self._stream else state

    def load(self, state: StateDict) -> None:
        counts = [key for key in state if key.startswith("count/")]
        if not counts:  # saved before the first iteration
            return
        stream = counts[0].removeprefix("count/")
        self._train(tuple(stream.split("+")))
        state = {key.replace(f"/{stream}/", "/"): value for key, value in to_device(state, self.base).items()}
        state["count"] = state.pop(counts[0])
        if any(key.startswith("mask/") for key in state):  # as versions wrote that kept masks
            state |= {f"weight/{name}": self._moved(name, state) for name in self.base}
        self._shifts.load(state)

    def _train(self, sides: tuple[str, ...]) -> None:
        stream = "+".join(sides)
        assert self._stream in ("", stream), f"masks of {self._stream} are trained together, not of {stream}"
        self._stream = stream
        self._shifts.trained = [k for k, side in enumerate(SIDES) if side in sides]

    def _moved(self, name: str, state: StateDict) -> Tensor:
        """The weights of a tensor under masks."""
        weight = self._shifts.start(name)
        for side in SIDES:
            change = (state[f"mask/{side}/{name}"] - 1) * self.delta[side][name].float()
            weight.add_(change, alpha=self.factor[side])
        return weight
