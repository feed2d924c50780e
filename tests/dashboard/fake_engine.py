"""A stand-in for otmf_core.merging.merge: the same calls, events, errors and run folders, without models or waiting.

Accuracies follow a rule a test can state: a task starts at 30 %, is at 80 % when merged, and loses 2 points a step.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import write_json, write_table
from otmf_core.runs import folder as runs
from otmf_core.runs.events import (
    Arrived,
    Emit,
    Evaluated,
    Evaluating,
    Event,
    Finished,
    Fused,
    Iterated,
    Phase,
    Started,
    Stopped,
)
from otmf_core.runs.lock import owned
from otmf_core.runs.record import RunRecord, make_record


def accuracy(step: int, column: int) -> float:
    """a[step][column] of the rule above, percent; columns are tasks, from 0, each merged at step column + 1."""
    return 30.0 if step <= column else 80.0 - 2.0 * (step - column - 1)


class FakeEngine:
    """`pause` seconds go by in every iteration; a run of a task in `broken` ends with that exception."""

    def __init__(self, pause: float = 0.0, broken: dict[str, Any] | None = None, devices: tuple[str, ...] = ("cpu",)):
        self.pause = pause
        self._devices = devices
        self.on: list[str] = []  # the devices that runs were given, in the order in which they began
        self.broken: dict[str, Any] = broken or {}
        self.at_once = 0
        self.most_at_once = 0

    def devices(self) -> tuple[str, ...]:
        return self._devices

    def run_merge(
        self,
        config: MergeConfig,
        out: Path,
        *,
        emit: Emit,
        should_stop: Callable[[], bool],
        run_id: str,
        device: str = "cpu",
    ) -> RunRecord:
        for task in config.tasks:
            if isinstance(self.broken.get(task), InputError):
                raise self.broken[task]
        path = Path(out) / run_id
        runs.create_run(path, config)
        return self.resume_merge(path, emit=emit, should_stop=should_stop, device=device)

    def resume_merge(
        self, path: Path, *, emit: Emit, should_stop: Callable[[], bool], device: str = "cpu"
    ) -> RunRecord:
        self.on.append(device)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        began = time.monotonic()

        def tell(event: Event) -> None:
            emit(replace(event, run=path.name, seconds=time.monotonic() - began))

        try:
            with owned(path):
                runs.set_status(path, "running")
                record = self._fold(path, tell, should_stop, device)
                runs.set_status(path, "done")
            tell(Finished(record=record))
            return record
        except Interrupted:
            runs.set_status(path, "stopped")
            raise
        except Exception as error:
            runs.set_status(path, "failed", str(error))
            raise
        finally:
            self.at_once -= 1

    def _fold(self, path: Path, tell: Emit, should_stop: Callable[[], bool], device: str) -> RunRecord:
        run = runs.load_run(path)
        config, state = run.config, run.state.model_copy(update={"tasks": run.config.tasks, "device": device})
        tasks, iterations = config.tasks, config.method.iterations_per_fusion
        began, spent = time.monotonic(), state.seconds
        tell(Phase(text="Reading the fake library"))
        tell(Started(tasks=tasks, iterations=iterations, device=state.device))
        if not state.matrix:
            state = state.model_copy(update={"matrix": ((30.0,) * len(tasks),), "test_images": (500,) * len(tasks)})
            tell(Evaluated(step=0, row=state.matrix[0]))
        for step in range(state.step + 1, len(tasks) + 1):
            task = tasks[step - 1]
            if task in self.broken:
                raise self.broken[task]
            tell(Arrived(step=step, task=task, individual=90.0))
            if step > 1 and iterations:
                self._iterate(step, iterations, path, tell, should_stop)
            last = step == len(tasks)
            row = tuple(accuracy(step, column) if last or column <= step else None for column in range(len(tasks)))
            tell(Fused(step=step, task=task, duration=self.pause * iterations))
            tell(Evaluating(step=step, row=(None,) * len(tasks)))
            tell(Evaluated(step=step, row=row))
            changes = {"matrix": (*state.matrix, row), "individual": (*state.individual, 90.0)}
            seconds = spent + time.monotonic() - began
            state = state.model_copy(update={**changes, "step": step, "seconds": seconds})
            merged = layout.state_folder(path, step, len(tasks)) / layout.MERGED
            merged.parent.mkdir(parents=True, exist_ok=True)
            save_file({"weight": np.zeros(2, np.float32)}, merged)
            write_json(path / layout.STATE, state.model_dump(mode="json"))
        shutil.rmtree(path / layout.RESUME, ignore_errors=True)
        record = make_record(run.id, "done", config, state, run.created, {})
        write_json(path / layout.RECORD, record.model_dump(mode="json"))
        return record

    def _iterate(self, step: int, iterations: int, path: Path, tell: Emit, should_stop: Callable[[], bool]) -> None:
        curves = []
        for iteration in range(iterations):
            if should_stop():
                tell(Stopped(step=step, iteration=iteration))
                raise Interrupted(f"stopped at step {step}, iteration {iteration}")
            time.sleep(self.pause)
            row = {
                "loss_pre": 0.1 * step,
                "loss_post": 1.0 / (iteration + 1),
                "mask_pre_mean": 1.0,
                "mask_post_mean": 2.0,
            }
            tell(Iterated(step=step, iteration=iteration, duration=self.pause, row=row))
            curves.append(row)
        columns = {name: [row[name] for row in curves] for name in curves[0]}
        write_table(path / layout.step_folder(step) / layout.CURVES, columns)
