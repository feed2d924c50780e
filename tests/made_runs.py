"""Runs made of figures alone, without a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.files import write_json
from otmf_core.runs.folder import Run, load_run
from otmf_core.runs.record import RunRecord, make_record
from otmf_core.runs.state import RunState


def made_run(name: str, config: MergeConfig, library: str = "", **record: Any) -> Run:
    """A finished run of `config` on the library of that hash, whose record has these fields beside plain ones."""
    plain = {"tasks": config.tasks, "matrix": (), "individual": (), "seconds": 1.0, **config.stamp()}
    state = RunState(tasks=config.tasks, library=library)
    return Run(name, Path(name), "done", "", "", config, state, RunRecord(**{**plain, **record}))


def end_of(config: MergeConfig) -> RunState:
    """The state of a run of `config` at its end: a task at 30 % before its merge, at 80 % after it."""
    count = len(config.tasks)
    rows = tuple(tuple(30.0 if task >= step else 80.0 for task in range(count)) for step in range(count + 1))
    return RunState(tasks=config.tasks, step=count, matrix=rows, individual=(90.0,) * count, seconds=1.0)


def record_of(config: MergeConfig) -> RunRecord:
    """The record of that run."""
    return make_record("run", "done", config, end_of(config), "2026-01-01T00:00:00.000+00:00", {})


def measure_again(run: Path, last: tuple[float, ...]) -> None:
    """Let a finished run have measured these accuracies after its last step, and have the metrics that follow."""
    stored = load_run(run)
    state = stored.state.model_copy(update={"matrix": (*stored.state.matrix[:-1], last)})
    record = make_record(stored.id, "done", stored.config, state, stored.created, {})
    write_json(run / "progress.json", state.model_dump(mode="json"))
    write_json(run / "record.json", record.model_dump(mode="json"))
