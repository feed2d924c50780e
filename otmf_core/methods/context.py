"""What a merge method sees at one step of the fold: the tower, the examples it may read, and how to report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from otmf_core.config import MergeConfig
from otmf_core.models.base import Inputs, Tower
from otmf_core.transport.spaces import ClassVectors

Event = dict[str, Any]


@dataclass(frozen=True)
class Calibration:
    """Unlabelled calibration examples of one task, None where none were kept; its teacher's features (n, d) if kept."""

    inputs: Inputs | None = None
    teacher: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.inputs is None else len(self.inputs)


@dataclass(frozen=True)
class Context:
    """One step t of the fold. `calibration[i]` is what may be seen of the i-th task, the incoming one last."""

    config: MergeConfig
    step: int
    tower: Tower
    calibration: list[Calibration]
    heads: ClassVectors
    within: Path  # where the state of an unfinished step is kept
    results: Path  # where a step leaves its curves and masks
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]
