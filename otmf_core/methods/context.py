"""The context of a merge method at one step of the fold: no more than methods use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.library.examples import Examples
    from otmf_core.models.base import Tower
    from otmf_core.models.inputs import Inputs
    from otmf_core.models.task_vector import StateDict
    from otmf_core.transport.spaces import ClassVectors


@dataclass(frozen=True)
class Calibration:
    """Unlabelled calibration examples of one task, None where none were kept; its teacher's features (n, d) if kept."""

    inputs: Inputs | None = None
    teacher: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.inputs is None else len(self.inputs)


@dataclass(frozen=True)
class Learning:
    """All that a method learns with; `calibration[i]` is of the i-th task, the incoming one last."""

    tower: Tower
    calibration: Sequence[Calibration]
    class_vectors: ClassVectors  # the zero-shot heads of all tasks
    results: Path  # the folder in which a fusion leaves its curves and masks
    unfinished: Path  # the file that keeps the state of an unfinished fusion
    save_seconds: float  # at least between two savings of it
    report: Callable[[int, Mapping[str, float | None], float], None]  # an iteration, its row of the curves, its seconds
    should_stop: Callable[[], bool]
    labelled: Examples | None = None  # of the incoming task, for the methods that read labels


@dataclass(frozen=True)
class Context:
    """Step t of the fold, from 1; `learning` is there for the methods that read examples, `vectors` for joint ones."""

    step: int
    seed: int = 0  # of everything that is drawn
    learning: Learning | None = None
    vectors: Sequence[StateDict] = ()  # Δ¹…Δᵗ as stored
