"""Element-wise masks over any number of task vectors at once, trained straight from the gradient of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from otmf_core.masks.measures import SIDES
from otmf_core.masks.shifts import Shifts
from otmf_core.methods.training import Learner
from otmf_core.models.task_vector import StateDict


class VectorMasks(Learner):
    """Δ_m = λ·Σ_k M_k ⊙ Δ_k with a mask entry for every entry of every vector, all one at first, trained by Adam."""

    def __init__(self, base: Mapping[str, Tensor], vectors: Sequence[StateDict], factor: float) -> None:
        """`vectors` are of any float type and have the keys and shapes of θ⁰; λ is the factor of each, at least 0."""
        self.shifts = Shifts(base, vectors, [factor] * len(vectors))

    def begin(self, rate: float, sides: tuple[str, ...] = SIDES) -> None:
        self.shifts.begin(rate)

    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        self.shifts.consume(name, grad, weight)

    def apply(self, weights: StateDict) -> None:
        self.shifts.apply(weights)

    def merged(self) -> StateDict:
        return self.shifts.merged()

    def state(self) -> StateDict:
        return self.shifts.state()

    def load(self, state: StateDict) -> None:
        self.shifts.load(state)
