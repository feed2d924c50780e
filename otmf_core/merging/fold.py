"""The continual merge: a fold of one method's step over the tasks, evaluated after each, resumable at any moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import Interrupted
from otmf_core.files import write_json, write_tensors
from otmf_core.merging.evaluation import Evaluator
from otmf_core.merging.inputs import MergeInputs
from otmf_core.methods import METHODS
from otmf_core.methods.context import Calibration, Context, Event
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.device import peak_memory, reset_peak_memory
from otmf_core.models.heads import Head, labelled_subset, tune
from otmf_core.models.task_vector import StateDict
from otmf_core.runs import folder as runs
from otmf_core.runs.record import make_record, read_progress
from otmf_core.transport.spaces import ClassVectors


class Fold:
    """One process's part of a run: opened from the run folder, advanced step by step, closed with a record."""

    def __init__(
        self,
        config: MergeConfig,
        inputs: MergeInputs,
        path: Path,
        emit: Callable[[Event], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Read what the run in folder `path` starts or goes on from; raises InputError when it cannot be read."""
        self.began = time.monotonic()
        self.config, self.path, self.emit, self.should_stop = config, path, emit, should_stop
        self.method = METHODS[config.method]
        self.library, self.tower = inputs.library, inputs.tower
        self.progress = read_progress(path, config, self.library.manifest_hash)
        self.spent = self.progress.seconds
        self.progress.device = str(self.tower.device)
        reset_peak_memory(self.tower.device)
        self.zero_shot_heads = {task: self._head(task) for task in config.tasks}
        self.context = Context(
            config=config,
            step=0,
            tower=self.tower,
            calibration=[],
            heads=ClassVectors(list(self.zero_shot_heads.values())),
            within=path / layout.WITHIN,
            results=path,
            emit=emit,
            should_stop=should_stop,
        )
        self.evaluator = Evaluator(self.library, self.tower)
        self.merged: StateDict | None = None
        self.teachers: dict[str, Tensor] = {}  # features of calibration examples under their expert
        self.heads: dict[str, Head] = {}  # tuned ones
        if self.progress.step:
            self._read_state()

    def run(self) -> dict[str, Any]:
        """Take every step that is left; returns the record. Raises Interrupted after a stop."""
        tasks = self.config.tasks
        about = {"fusions": len(tasks) - 1, "steps": self.config.steps, "device": self.progress.device}
        self.emit({"type": "started", "tasks": list(tasks), **about})
        self.step_began = time.monotonic()
        try:
            if not self.progress.matrix:
                self._evaluate_base()
            for t in range(self.progress.step + 1, len(tasks) + 1):
                self.step_began = time.monotonic()
                self._advance(t)
        except (Interrupted, KeyboardInterrupt):
            if self.progress.matrix:
                self.progress.unfinished_seconds += time.monotonic() - self.step_began
                self._write_progress()
            raise
        record = make_record(self.path.name, "done", self.config, self.progress, runs.load_run(self.path).created)
        write_json(self.path / layout.RECORD, record)
        return record

    def _evaluate_base(self) -> None:
        """a[0], the pre-trained model on all tasks."""
        self.emit({"type": "phase", "text": "Evaluating the pre-trained model"})
        tasks = self.config.tasks
        self.tower.load()
        row = self._row(0, range(len(tasks)), self.zero_shot_heads)
        self.progress.test_images = [len(self.evaluator.test(task)) for task in tasks]
        self.progress.matrix.append(row)
        self._write_progress()

    def _advance(self, t: int) -> None:
        """Step t of the fold: Δ_m⁽ᵗ⁻¹⁾ → Δ_m⁽ᵗ⁾, evaluated and saved."""
        self._check_stop(t, 0)
        task, last = self.config.tasks[t - 1], len(self.config.tasks)
        began = time.monotonic()
        delta = {name: d.to(self.tower.device) for name, d in self.library.task_vector(task).items()}
        self.tower.load(delta)
        individual = self.evaluator.accuracy(task, self.zero_shot_heads[task])
        self.progress.individual = [*self.progress.individual[: t - 1], individual]
        self.emit({"type": "teacher", "step": t, "task": task, "individual": individual})
        calibration = self._calibration(t) if self.config.reads_images else []
        if self.merged is None:
            self.merged = self.method.first(delta, self.config)
        else:
            context = replace(self.context, step=t, calibration=calibration, results=self.path / layout.step_folder(t))
            self.merged = self.method.step(self.tower.base, self.merged, delta, context)
        del delta
        self.tower.load(self.merged)
        self._tune_heads(t)
        self.emit({"type": "fused", "step": t, "task": task, "fusion_seconds": time.monotonic() - began})
        known = range(last) if self.config.evaluate == "all" or t == last else range(t + 1)
        row = self._row(t, known, {**self.zero_shot_heads, **self.heads})
        self._forget(t)
        self._save(t, row)

    def _row(self, t: int, known: range, heads: dict[str, Head]) -> list[float | None]:
        """a[t]: the accuracy of the present weights on the tasks numbered `known`, None on the others."""
        row: list[float | None] = [None] * len(self.config.tasks)
        for i in known:
            self._check_stop(t, self.config.steps)
            row[i] = self.evaluator.accuracy(self.config.tasks[i], heads[self.config.tasks[i]])
        self.emit({"type": "row", "step": t, "row": row})
        return row

    def _check_stop(self, t: int, iteration: int) -> None:
        if self.should_stop():
            self.emit({"type": "stopped", "step": t, "iteration": iteration})
            raise Interrupted(f"stopped at step {t} of {len(self.config.tasks)}")

    def _calibration(self, t: int) -> list[Calibration]:
        """What step t may see: all calibration examples of tasks t−1 and t, the first `memory` of each earlier one.

        The tower holds θᵗ, so that the incoming expert's features are taken here, once. The others were taken when
        their expert arrived, and are there as far as they were kept.
        """
        calibration: list[Calibration] = []
        for number, task in enumerate(self.config.tasks[:t], start=1):
            first = self.config.memory if number < t - 1 else None
            if first == 0:
                calibration.append(Calibration())
                continue
            inputs = self.library.examples(task, "calibration", first).inputs
            if number == t:
                self.teachers[task] = self.tower.features(inputs)
            calibration.append(Calibration(inputs, self.teachers.get(task)))
        return calibration

    def _forget(self, t: int) -> None:
        """Keep what step t+1 may see: with memory the features of the images kept, without it nothing."""
        if not self.config.memory:
            self.teachers = {}
        for task in self.config.tasks[: t - 1]:
            if task in self.teachers:
                self.teachers[task] = self.teachers[task][: self.config.memory]

    def _tune_heads(self, t: int) -> None:
        """After step t tune the head of task t−1, and after the last step that of task T too (method, section 3)."""
        if self.config.heads == "none":
            return
        tasks = self.config.tasks
        for task in tasks[max(t - 2, 0) : t - 1] + (tasks[-1:] if t == len(tasks) else ()):
            pool = self.library.examples(task, "labelled")
            chosen = labelled_subset(pool.labels, self.config.head_fraction, self.config.seed)
            features = self.tower.features(pool.inputs[chosen])
            self.heads[task] = tune(features, pool.labels[chosen], self.zero_shot_heads[task], self.config.head_lr)

    def _head(self, task: str) -> Head:
        weight, scale = self.library.head(task)
        return Head(weight.to(self.tower.device), scale)

    def _state(self, t: int) -> Path:
        """The folder of what step t leaves: the run's own for the last step."""
        return layout.state_folder(self.path, t, len(self.config.tasks))

    def _save(self, t: int, row: list[float | None]) -> None:
        """Make step t durable: its state first, then the progress that points to it."""
        assert self.merged is not None
        state = self._state(t)
        write_tensors(state / layout.MERGED, self.merged)
        if self.heads:
            write_tensors(state / layout.HEADS, {task: weight for task, (weight, _) in self.heads.items()})
        if t < len(self.config.tasks):
            write_tensors(state / layout.TEACHERS, self.teachers)
        self.progress.step = t
        self.progress.matrix.append(row)
        self.progress.step_seconds.append(self.progress.unfinished_seconds + time.monotonic() - self.step_began)
        self.progress.unfinished_seconds = 0.0
        self._write_progress()
        shutil.rmtree(self._state(t - 1), ignore_errors=True)

    def _write_progress(self) -> None:
        self.progress.seconds = self.spent + time.monotonic() - self.began
        self.progress.peak_memory_bytes = max(self.progress.peak_memory_bytes, peak_memory(self.tower.device))
        write_json(self.path / layout.STATE, asdict(self.progress))

    def _read_state(self) -> None:
        """Δ_m, the teachers' features and the tuned heads after the last completed step."""
        state, device = self._state(self.progress.step), self.tower.device
        self.merged = {name: tensor.to(device) for name, tensor in read_tensors(state / layout.MERGED).items()}
        if (state / layout.HEADS).is_file():
            tuned = read_tensors(state / layout.HEADS)
            self.heads = {
                task: self.zero_shot_heads[task]._replace(weight=weight.to(device)) for task, weight in tuned.items()
            }
        if self.progress.step < len(self.config.tasks):
            kept = read_tensors(state / layout.TEACHERS)
            self.teachers = {task: features.to(device) for task, features in kept.items()}
