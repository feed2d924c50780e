"""A run as pages and terminals show it: events folded into one immutable value, and the time that is left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.runs.events import (
    Arrived,
    Evaluated,
    Evaluating,
    Event,
    Failed,
    Finished,
    Iterated,
    Phase,
    Started,
    Stopped,
)
from otmf_core.runs.folder import Run, Status
from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import AccuracyRow
from otmf_core.tables import read_table

LARGEST = 1e30  # of a value in a curve
Curve = tuple[float | None, ...]  # a value per iteration, None where there is none


@dataclass(frozen=True)
class Fusion:
    """The optimisation of one fusion so far: its loss curves by name, and the seconds that each iteration took."""

    curves: Mapping[str, Curve] = field(default_factory=dict)
    durations: Curve = ()

    def curve(self, name: str) -> Curve:
        """One of the curves, empty where the method has none of that name."""
        return self.curves.get(name, ())


@dataclass(frozen=True)
class RunView:
    """A run as it is shown. `matrix[t]` is a[t] in percent or None where step t has not ended (t = 0…T).

    `row` is what there is of a[step] while that is evaluated, empty at all other times.

    `fusions[t]` is the fusion of step t (2…T, or 1…T where the first learns too), of `iterations` iterations in the
    end. The run is in step `step`, `iteration` iterations done; `elapsed` and `eta_seconds` are in seconds,
    `eta_seconds` None until there is a measurement to extrapolate from.
    """

    run: str
    config: MergeConfig
    status: Status = "queued"
    phase: str = ""
    iterations: int = 0
    step: int = 0
    iteration: int = 0
    matrix: tuple[AccuracyRow | None, ...] = ()
    row: AccuracyRow = ()
    individual: Mapping[str, float] = field(default_factory=dict)
    fusions: Mapping[int, Fusion] = field(default_factory=dict)
    row_times: Mapping[int, float] = field(default_factory=dict)
    elapsed: float = 0.0
    eta_seconds: float | None = None
    message: str = ""
    record: RunRecord | None = None
    device: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task ids in merge order."""
        return self.config.tasks

    @property
    def cells(self) -> tuple[AccuracyRow | None, ...]:
        """The matrix, with what there is of the row that is being evaluated."""
        return (*self.matrix[: self.step], self.row, *self.matrix[self.step + 1 :]) if self.row else self.matrix


def new_view(run: str, config: MergeConfig) -> RunView:
    """The view of a run that is asked for and has not begun."""
    return RunView(run, config, phase="Waiting", matrix=(None,) * (len(config.tasks) + 1))


def advance(view: RunView, event: Event) -> RunView:
    """The view after one event; told twice (as after a resume), an event changes nothing the second time."""
    match event:
        case Phase():
            return replace(view, phase=event.text)
        case Started():
            return replace(view, iterations=event.iterations, row_times={}, device=event.device)
        case Arrived():
            individual = {**view.individual, event.task: event.individual}
            return replace(view, step=event.step, iteration=0, individual=individual)
        case Iterated():
            return _iterated(view, event)
        case Evaluating():
            return replace(view, step=event.step, row=event.row)
        case Evaluated():
            matrix = list(view.matrix)
            matrix[event.step] = event.row
            times = {**view.row_times, event.step: event.seconds}
            return replace(view, step=event.step, matrix=tuple(matrix), row=(), row_times=times)
        case Stopped() | Failed():
            return replace(view, row=())  # a resume evaluates all of it
        case Finished():
            return replace(view, record=event.record)
        case _:
            return view


def _iterated(view: RunView, event: Iterated) -> RunView:
    before = view.fusions.get(event.step, Fusion())
    row = {name: value for name, value in event.row.items() if name != "iteration"}
    curves = {name: _put(before.curve(name), event.iteration, value) for name, value in row.items()}
    fusion = Fusion({**before.curves, **curves}, _put(before.durations, event.iteration, event.duration))
    fusions = {**view.fusions, event.step: fusion}
    return replace(view, step=event.step, iteration=event.iteration + 1, fusions=fusions)


def _put(values: Curve, iteration: int, value: float | None) -> Curve:
    """`values` cut or padded to `iteration` entries (iterations count from 0), with `value` behind them."""
    before = values[:iteration]
    return before + (None,) * (iteration - len(before)) + (value,)


def fraction_done(view: RunView) -> float:
    """Share of the work done, 0…1: iterations and evaluated rows each count as one; 0 before the fold has begun."""
    tasks, rows = len(view.tasks), sum(row is not None for row in view.matrix)
    rows += sum(accuracy is not None for accuracy in view.row) / tasks
    if not (view.device or rows):
        return 0.0
    total = view.iterations * len(iterating_steps(view)) + tasks + 1
    return min(1.0, (_iterations_done(view) + rows) / total)


def eta_seconds(view: RunView, now: float) -> float | None:
    """Seconds left, from measured iterations and from what measured steps took beside them; None without either.

    `now` is in seconds since the start of this part of the run, as the events' own `seconds`.
    """
    times = sorted(view.row_times.items())
    beside = [
        max(0.0, later - earlier - sum(_durations(view, step))) for (_, earlier), (step, later) in pairwise(times)
    ]
    recent = [duration for step in sorted(view.fusions) for duration in _durations(view, step)][-50:]
    rows_left = sum(row is None for row in view.matrix)
    left = rows_left * (fmean(beside) if beside else 0.0)
    if recent:
        return left + (view.iterations * len(iterating_steps(view)) - _iterations_done(view)) * median(recent)
    if len(times) > 2 and times[-1][0] >= iterating_steps(view)[0]:  # a fusion is measured, and it took no iterations
        return max(0.0, left - (now - times[-1][1]))
    return None


def _durations(view: RunView, step: int) -> list[float]:
    fusion = view.fusions.get(step)
    return [duration for duration in fusion.durations if duration is not None] if fusion else []


def iterating_steps(view: RunView) -> list[int]:
    """The steps that have iterations."""
    tasks = len(view.tasks)
    return [step for step in range(1, tasks + 1) if view.config.method.iterates_at(step, tasks)]


def _iterations_done(view: RunView) -> int:
    """Iterations done; a fusion whose row is there is complete, even if another process took its iterations."""
    fusions = view.fusions
    complete = [step for step in iterating_steps(view) if view.matrix[step] is not None]
    under_way = sum(len(fusions[step].durations) for step in fusions if step not in complete)
    return view.iterations * len(complete) + under_way


def stored_view(run: Run) -> RunView:
    """The view of a run folder, with the curves of every completed fusion; raises InputError when a file is damaged."""
    tasks, rows = run.config.tasks, run.matrix
    summary = run.record or run.state
    steps = range(1, len(tasks) + 1)
    files = {step: run.path / layout.step_folder(step) / layout.CURVES for step in steps}
    return RunView(
        run.id,
        run.config,
        status=run.status,
        iterations=run.config.method.iterations_per_fusion,
        step=max(0, len(rows) - 1),
        matrix=(*rows, *[None] * (len(tasks) + 1 - len(rows))),
        individual=dict(zip(tasks, run.individual, strict=False)),
        fusions={step: stored_fusion(file, run.config) for step, file in files.items() if os.path.isfile(file)},
        elapsed=summary.seconds,
        message=run.message,
        record=run.record,
        device=summary.device,
    )


def stored_fusion(path: Path, config: MergeConfig) -> Fusion:
    """The fusion of a merge by its file of loss curves; raises InputError when that is damaged."""
    import pyarrow as pa

    what = "loss curves come as a Parquet table with a row per iteration and a column of numbers per curve"
    table = read_table(path, None, what, max_rows=config.method.iterations_per_fusion)
    curves = {name: table[name] for name in table.column_names if name != "iteration"}
    for name, values in curves.items():
        kind = values.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise InputError(f"{what}: {path} ({shown(name)} is of type {kind})")
    columns = {name: tuple(values.to_pylist()) for name, values in curves.items()}
    for name, values in columns.items():
        if any(value is not None and not abs(value) < LARGEST for value in values):
            raise InputError(f"{what}: {path} ({shown(name)} has values that are not finite)")
    return Fusion(columns)
