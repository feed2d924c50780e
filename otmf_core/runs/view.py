"""What is known of a run while it runs: events folded into one immutable value, and the time that is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from otmf_core import layout
from otmf_core.errors import InputError

if TYPE_CHECKING:
    from otmf_core.runs.folder import Run

Row = tuple[float | None, ...]


@dataclass(frozen=True)
class Fusion:
    """The optimisation of one fusion so far: one value per mask step, None where that side was not trained.

    `seconds` holds the duration of each mask step; `means_pre` and `means_post` the means of the masks, None where
    they were not reported; `mask_pre` and `mask_post` are the latest of them.
    """

    loss_pre: Row = ()
    loss_post: Row = ()
    seconds: Row = ()
    mask_pre: float | None = None
    mask_post: float | None = None
    means_pre: Row = ()
    means_post: Row = ()


@dataclass(frozen=True)
class JobView:
    """A job as a page shows it. `matrix[t]` is a[t] in percent or None where step t has not ended (t = 0…T).

    `fusions[t]` is the fusion of step t (2…T). The run is in step `step`, `iteration` mask steps done; `elapsed` and
    `eta_seconds` are in seconds, `eta_seconds` None until there is a measurement to extrapolate from.
    """

    run: str
    status: str = "queued"
    config: Mapping[str, Any] = field(default_factory=dict)
    phase: str = ""
    tasks: tuple[str, ...] = ()
    steps: int = 0
    step: int = 0
    iteration: int = 0
    matrix: tuple[Row | None, ...] = ()
    individual: Mapping[str, float] = field(default_factory=dict)
    fusions: Mapping[int, Fusion] = field(default_factory=dict)
    row_times: Mapping[int, float] = field(default_factory=dict)
    elapsed: float = 0.0
    eta_seconds: float | None = None
    message: str = ""
    record: Mapping[str, Any] | None = None
    device: str = ""


def advance(view: JobView, event: Mapping[str, Any]) -> JobView:
    """The view after one engine event; told twice (as after a resume), an event changes nothing the second time."""
    match event["type"]:
        case "phase":
            return replace(view, phase=event["text"])
        case "started":
            tasks = tuple(event["tasks"])
            matrix = view.matrix or (None,) * (len(tasks) + 1)
            device = event.get("device", view.device)
            return replace(view, tasks=tasks, steps=event["steps"], matrix=matrix, row_times={}, device=device)
        case "teacher":
            individual = {**view.individual, event["task"]: event["individual"]}
            return replace(view, step=event["step"], iteration=0, individual=individual)
        case "mask_step":
            return _mask_step(view, event)
        case "row":
            matrix = list(view.matrix)
            matrix[event["step"]] = tuple(event["row"])
            times = {**view.row_times, event["step"]: event["seconds"]}
            return replace(view, step=event["step"], matrix=tuple(matrix), row_times=times)
        case "finished":
            return replace(view, record=event["record"])
        case _:
            return view


def _mask_step(view: JobView, event: Mapping[str, Any]) -> JobView:
    step, iteration = event["step"], event["iteration"]
    before = view.fusions.get(step, Fusion())
    fusion = Fusion(
        _put(before.loss_pre, iteration, event["loss_pre"]),
        _put(before.loss_post, iteration, event["loss_post"]),
        _put(before.seconds, iteration, event["step_seconds"]),
        before.mask_pre if event["mask_pre_mean"] is None else event["mask_pre_mean"],
        before.mask_post if event["mask_post_mean"] is None else event["mask_post_mean"],
        _put(before.means_pre, iteration, event["mask_pre_mean"]),
        _put(before.means_post, iteration, event["mask_post_mean"]),
    )
    return replace(view, step=step, iteration=iteration + 1, fusions={**view.fusions, step: fusion})


def _put(values: Row, iteration: int, value: float | None) -> Row:
    """`values` cut or padded to `iteration` entries (iterations count from 0), with `value` behind them."""
    kept = values[:iteration]
    return kept + (None,) * (iteration - len(kept)) + (value,)


def fraction_done(view: JobView) -> float:
    """Share of the work done, 0…1: mask steps and evaluated rows each count as one."""
    tasks = len(view.tasks)
    if not tasks:
        return 0.0
    rows = sum(row is not None for row in view.matrix)
    total = view.steps * (tasks - 1) + tasks + 1
    return min(1.0, (_steps_done(view) + rows) / total)


def eta_seconds(view: JobView, now: float) -> float | None:
    """Seconds left, from measured mask steps and from what measured steps took beside them; None without either.

    `now` is in seconds since the start of this part of the run, as the events' own `seconds`.
    """
    times = sorted(view.row_times.items())
    beside = [max(0.0, later - earlier - sum(_seconds(view, step))) for (_, earlier), (step, later) in pairwise(times)]
    masked = [second for step in sorted(view.fusions) for second in _seconds(view, step)][-50:]
    rows_left = sum(row is None for row in view.matrix)
    left = rows_left * (fmean(beside) if beside else 0.0)
    if masked:
        return left + (view.steps * (len(view.tasks) - 1) - _steps_done(view)) * median(masked)
    if len(times) > 2:  # a step with a fusion is measured, and it took no mask steps
        return max(0.0, left - (now - times[-1][1]))
    return None


def _seconds(view: JobView, step: int) -> list[float]:
    fusion = view.fusions.get(step)
    return [second for second in fusion.seconds if second is not None] if fusion else []


def _steps_done(view: JobView) -> int:
    """Mask steps taken; a fusion whose row is there is complete, even if its steps were taken by another process."""
    fusions = view.fusions
    complete = [step for step in range(2, len(view.matrix)) if view.matrix[step] is not None]
    return view.steps * len(complete) + sum(len(fusions[step].seconds) for step in fusions if step not in complete)


def stored_view(run: Run) -> JobView:
    """The view of a run folder, with the losses of every completed fusion; raises InputError when a file is damaged."""
    known = run.record or run.progress
    try:
        tasks = tuple(run.config["tasks"])
        matrix = [tuple(row) for row in known.get("matrix", ())]
        if len(matrix) > len(tasks) + 1 or any(len(row) != len(tasks) for row in matrix):
            raise ValueError(f"the accuracy matrix of {len(tasks)} tasks has another shape")
        return JobView(
            run.id,
            status=run.status,
            config=run.config,
            tasks=tasks,
            steps=run.config["steps"],
            step=max(0, len(matrix) - 1),
            matrix=(*matrix, *[None] * (len(tasks) + 1 - len(matrix))),
            individual=dict(zip(tasks, known.get("individual", ()), strict=False)),
            fusions={
                int(path.parent.name): _stored_fusion(path) for path in run.path.glob(layout.every_step(layout.CURVES))
            },
            elapsed=known.get("seconds", 0.0),
            message=run.message,
            record=run.record,
            device=known.get("device", ""),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the files of a run must agree with each other: {run.path} ({error!r})") from error


def _stored_fusion(path: Path) -> Fusion:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_table(path).to_pydict()
        pre, post, mask_pre, mask_post = (
            columns[name] for name in ("loss_pre", "loss_post", "mask_pre_mean", "mask_post_mean")
        )
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError(f"loss curves come as a Parquet table: {path} ({error})") from None
    return Fusion(tuple(pre), tuple(post), (), _latest(mask_pre), _latest(mask_post), tuple(mask_pre), tuple(mask_post))


def _latest(values: list[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)
