"""The events that a merge tells while it runs: one frozen value each, for whoever looks on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import AccuracyRow


@dataclass(frozen=True, kw_only=True)
class _Event:
    run: str = ""
    seconds: float = 0.0  # since this part of the run began


@dataclass(frozen=True, kw_only=True)
class Phase(_Event):
    """The run's present work, in words."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Started(_Event):
    """The fold begins or goes on; `iterations` of each fusion, 0 where a fusion is a formula."""

    tasks: tuple[str, ...]
    iterations: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Arrived(_Event):
    """The expert of step t is there; `individual` is its accuracy on its own task, percent."""

    step: int
    task: str
    individual: float


@dataclass(frozen=True, kw_only=True)
class Iterated(_Event):
    """An iteration of a fusion, counted from 0, is done; `row` is its row of the loss curves."""

    step: int
    iteration: int
    duration: float  # seconds
    row: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Fused(_Event):
    """Step t has its merged vector, and tuned heads if any."""

    step: int
    task: str
    duration: float  # seconds


@dataclass(frozen=True, kw_only=True)
class Evaluating(_Event):
    """The next task of a[t] is being evaluated; `row` has the accuracies so far, None on all other tasks."""

    step: int
    row: AccuracyRow


@dataclass(frozen=True, kw_only=True)
class Evaluated(_Event):
    """a[t] is known (t = 0: the pre-trained model)."""

    step: int
    row: AccuracyRow


@dataclass(frozen=True, kw_only=True)
class Stopped(_Event):
    """The run stopped on request, in that iteration of step t."""

    step: int
    iteration: int


@dataclass(frozen=True, kw_only=True)
class Failed(_Event):
    """The run ended by an error."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Finished(_Event):
    """The run is done."""

    record: RunRecord


Event = Phase | Started | Arrived | Iterated | Fused | Evaluating | Evaluated | Stopped | Failed | Finished
Emit = Callable[[Event], None]
