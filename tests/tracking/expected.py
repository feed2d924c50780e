"""Tracked runs, and the scalars that they must have, from the files of the run alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import pyarrow.parquet as pq
import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import Interrupted
from otmf_core.merging import merge
from otmf_core.runs.events import Event, Iterated
from otmf_core.tracking.tracked import TrackedEngine
from tests.tiny import TASKS, never

Series = dict[str, list[tuple[int, float]]]  # of a name: place and value, in the order in which they were kept
Stop = Callable[[list[Event]], bool]


def engine(out: Path, tools: Sequence[str], said: list[str] | None = None) -> TrackedEngine:
    """The engine, tracked by these tools."""
    return TrackedEngine(lambda: merge, tools, out, pytest.fail if said is None else said.append)


def tracked(config: MergeConfig, out: Path, *tools: str, said: list[str] | None = None) -> Path:
    """The folder of a finished run that was tracked."""
    engine(out, tools, said).run_merge(config, out, emit=lambda event: None, should_stop=never, run_id="run")
    return out / "run"


def at_iteration(step: int, iteration: int) -> Stop:
    """Stops a run once that iteration was told."""
    return lambda events: (
        isinstance(events[-1], Iterated) and (events[-1].step, events[-1].iteration) == (step, iteration)
    )


def stopped(config: MergeConfig, out: Path, stop: Stop, *tools: str) -> None:
    """A run that was tracked until it was stopped."""
    events: list[Event] = []
    with pytest.raises(Interrupted):
        engine(out, tools).run_merge(config, out, emit=events.append, should_stop=lambda: stop(events), run_id="run")


def resumed(out: Path, *tools: str) -> Path:
    """The folder of that run, gone on with to its end, tracked."""
    engine(out, tools).resume_merge(out / "run", emit=lambda event: None, should_stop=never)
    return out / "run"


def stopped_and_resumed(config: MergeConfig, out: Path, stop: Stop, *tools: str) -> Path:
    """The folder of a finished run that was tracked, stopped and gone on with, tracked again."""
    stopped(config, out, stop, *tools)
    return resumed(out, *tools)


def expected(run: Path) -> Series:
    """Every scalar whose value the run folder has as it is, or which is a mean of such."""
    record = json.loads((run / "record.json").read_text())
    matrix, series = record["matrix"], {}
    for step, row in enumerate(matrix):
        for task, value in zip(TASKS, row, strict=True):
            if value is not None:
                series.setdefault(f"accuracy/{task}", []).append((step, value))
    last = len(TASKS)
    series["ACC"] = [(t, fmean(matrix[t][:t])) for t in range(1, last + 1)]
    series["BWT"] = [(t, fmean(matrix[t][i] - matrix[i + 1][i] for i in range(t - 1))) for t in range(2, last + 1)]
    series["seconds/step"] = list(enumerate(record["step_seconds"], 1))
    series["final/acc"] = [(last, record["acc"])]
    series["final/bwt"] = [(last, record["bwt"])]
    done = 0
    for step in range(2, last + 1):
        table = pq.read_table(run / f"steps/{step:02d}/curves.parquet").to_pylist()
        for index, row in enumerate(table, 1):
            for name, value in row.items():
                if value is not None and name != "iteration":
                    series.setdefault(f"curves/{name}", []).append((done + index, value))
        done += len(table)
    return series


def check(found: Series, run: Path) -> None:
    """Nothing that is expected is missing, differs or is there twice, and iterations have their seconds."""
    for name, points in expected(run).items():
        assert [at for at, _ in found[name]] == [at for at, _ in points], name
        assert [value for _, value in found[name]] == pytest.approx([value for _, value in points], rel=1e-6), name
    for name, points in found.items():
        assert len({at for at, _ in points}) == len(points), name
    assert [at for at, _ in found["seconds/iteration"]] == list(range(1, 1 + len(found["curves/loss_post"])))
    for side in ("pre", "post"):
        assert [at for at, _ in found[f"masks/density_{side}"]] == list(range(2, len(TASKS) + 1))
        assert all(0 <= value <= 1 for _, value in found[f"masks/density_{side}"])
    assert found["memory/peak_mib"][-1][1] > 1
