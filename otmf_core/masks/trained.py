"""Masks that are made of named parameters, those of each side trained by an Adam of its own."""

from __future__ import annotations

from collections.abc import Mapping

from otmf_core.masks.adam import Adam, to_device
from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import SIDES
from otmf_core.models.task_vector import StateDict


class TrainedMasks(MaskPair):
    """What families by groups, of low rank and of singular components share; `values` are the parameters, by side."""

    def __init__(
        self,
        base: StateDict,
        pre: StateDict,
        post: StateDict,
        factor: Mapping[str, float],
        values: dict[str, StateDict],
    ) -> None:
        super().__init__(base, pre, post, factor)
        self.values = values
        self.adams = {side: Adam(values[side]) for side in SIDES}

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        self._sides = sides
        for side in sides:
            self.adams[side].begin(rate, self.momentum)

    def entries(self) -> int:
        return sum(values.numel() for side in SIDES for values in self.values[side].values())

    def state(self) -> StateDict:
        tensors = {}
        for side in SIDES:
            tensors |= {f"{side}/mask/{key}": value for key, value in self.values[side].items()}
            tensors |= {f"{side}/{key}": value for key, value in self.adams[side].state().items()}
        return tensors

    def load(self, state: StateDict) -> None:
        state = to_device(state, self.base)
        for side in SIDES:
            own = {key.removeprefix(f"{side}/"): value for key, value in state.items() if key.startswith(f"{side}/")}
            # copied, since products of matrices have other bits where memory is aligned otherwise, as in a mapped file
            self.values[side] = {key: own[f"mask/{key}"].clone() for key in self.values[side]}
            self.adams[side].load(own)
