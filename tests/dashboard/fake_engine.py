"""A stand-in for otmf_core.merging.merge: the same calls, events, errors and run folders, without models or waiting.

Accuracies follow a rule a test can state: a task starts at 30 %, is at 80 % when merged, and loses 2 points a step.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from otmf_core import metrics
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import read_json, write_json, write_table
from otmf_core.runs import folder as runs
from otmf_core.runs.lock import owned


def accuracy(step: int, column: int) -> float:
    """a[step][column] of the rule above, percent; columns are tasks, from 0, each merged at step column + 1."""
    return 30.0 if step <= column else 80.0 - 2.0 * (step - column - 1)


class FakeEngine:
    """`pause` seconds go by in every iteration; a run of a task in `broken` ends with that exception."""

    def __init__(self, pause: float = 0.0, broken: dict[str, Any] | None = None):
        self.pause = pause
        self.broken: dict[str, Any] = broken or {}
        self.at_once = 0
        self.most_at_once = 0

    def run_merge(self, config: MergeConfig, out: Path, *, emit, should_stop, run_id: str):
        for task in config.tasks:
            if isinstance(self.broken.get(task), InputError):
                raise self.broken[task]
        path = Path(out) / run_id
        runs.create_run(path, config.model_dump(mode="json"))
        return self.resume_merge(path, emit=emit, should_stop=should_stop)

    def resume_merge(self, path: Path, *, emit, should_stop):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with owned(path):
                runs.set_status(path, "running")
                record = self._fold(path, emit, should_stop)
                runs.set_status(path, "done")
            emit({"type": "finished", "record": record, "run": path.name})
            return record
        except Interrupted:
            runs.set_status(path, "stopped")
            raise
        except Exception as error:
            runs.set_status(path, "failed", str(error))
            raise
        finally:
            self.at_once -= 1

    def _fold(self, path: Path, emit, should_stop):
        config = MergeConfig.parse(runs.load_run(path).config)
        tasks = config.tasks
        began = time.monotonic()

        def tell(kind: str, **values) -> None:
            emit({"type": kind, "run": path.name, "seconds": time.monotonic() - began, **values})

        saved = path / "progress.json"
        progress = read_json(saved) if saved.is_file() else {"step": 0, "matrix": [], "individual": [], "seconds": 0.0}
        spent = progress["seconds"]
        tell("phase", text="Reading the fake library")
        tell("started", tasks=list(tasks), fusions=len(tasks) - 1, steps=config.steps, device="cpu")
        if not progress["matrix"]:
            progress["matrix"].append([30.0] * len(tasks))
            tell("row", step=0, row=progress["matrix"][0])
        for step in range(progress["step"] + 1, len(tasks) + 1):
            task = tasks[step - 1]
            if task in self.broken:
                raise self.broken[task]
            progress["individual"].append(90.0)
            tell("teacher", step=step, task=task, individual=90.0)
            if step > 1 and config.method == "otmf":
                self._iterations(step, config, path, tell, should_stop)
            last = step == len(tasks)
            row = [accuracy(step, column) if last or column <= step else None for column in range(len(tasks))]
            tell("fused", step=step, task=task, fusion_seconds=self.pause * config.steps)
            tell("row", step=step, row=row)
            progress["matrix"].append(row)
            progress |= {"step": step, "seconds": spent + time.monotonic() - began}
            write_json(saved, progress)
        record = {
            "run": path.name,
            "tasks": list(tasks),
            "method": config.method,
            "labels": "unlabelled images",
            "calibration_split": "train",
            "memory_per_task": config.memory,
            "test_images": [500] * len(tasks),
            "seconds": progress["seconds"],
            "matrix": progress["matrix"],
            "individual": progress["individual"],
            **metrics.summary(progress["matrix"], progress["individual"]),
        }
        write_json(path / "record.json", record)
        return record

    def _iterations(self, step: int, config: MergeConfig, path: Path, tell, should_stop) -> None:
        curves = []
        for iteration in range(config.steps):
            if should_stop():
                tell("stopped", step=step, iteration=iteration)
                raise Interrupted(f"stopped at step {step}, iteration {iteration}")
            time.sleep(self.pause)
            row = {
                "loss_pre": 0.1 * step,
                "loss_post": 1.0 / (iteration + 1),
                "mask_pre_mean": 1.0,
                "mask_post_mean": 2.0,
            }
            tell("mask_step", step=step, iteration=iteration, of=config.steps, step_seconds=self.pause, **row)
            curves.append(row)
        write_table(path / f"steps/{step:02d}/curves.parquet", {key: [row[key] for row in curves] for key in curves[0]})
