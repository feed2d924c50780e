"""The continual merge: a fold of one method's step over the tasks, evaluated after each, resumable at any moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import read_object, write_json, write_tensors
from otmf_core.merging.evaluation import Evaluator, once
from otmf_core.merging.growth import growth
from otmf_core.merging.inputs import MergeInputs
from otmf_core.merging.seen import Seen
from otmf_core.methods.base import State
from otmf_core.methods.context import Context, Learning
from otmf_core.models.base import Tower
from otmf_core.models.checkpoints import check_finite, read_tensors
from otmf_core.models.device import peak_memory, reset_peak_memory
from otmf_core.models.heads import Head, labelled_subset, tune
from otmf_core.models.lanes import sharing
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.events import Arrived, Emit, Evaluated, Evaluating, Fused, Iterated, Phase, Started, Stopped
from otmf_core.runs.state import AccuracyRow, RunState, parsed
from otmf_core.runs.weights import read_state, write_state
from otmf_core.transport.spaces import ClassVectors


class Fold:
    """One process's part of a run: opened from the run folder, and advanced step by step."""

    def __init__(
        self, config: MergeConfig, inputs: MergeInputs, path: Path, emit: Emit, should_stop: Callable[[], bool]
    ) -> None:
        """Read what the run in folder `path` starts or goes on from; raises InputError when it cannot be read."""
        self.began = time.monotonic()
        self.config, self.path, self.emit, self.should_stop = config, path, emit, should_stop
        self.library, self.tower = inputs.library, inputs.tower
        self.progress = _read_progress(path, config, self.library.manifest_hash)
        self.spent = self.progress.seconds
        splits = {self.library.task(task).calibration_split for task in config.tasks}
        scoring = self.config.scoring if self.library.of_texts else ""
        self._know(device=str(self.tower.device), transductive="test" in splits, scoring=scoring)
        reset_peak_memory(self.tower.device)
        self.zero_shot_heads = {task: self._head(task) for task in config.tasks}
        self.class_vectors = ClassVectors(list(self.zero_shot_heads.values()))
        self.evaluator = Evaluator(self.library)
        self.state: State | None = None
        self.seen = Seen(config, self.library, self.tower)
        self.heads: dict[str, Head] = {}  # tuned ones
        self.vectors: list[StateDict] = []  # all so far, for joint methods alone
        if self.progress.step:
            self._read_step()

    def run(self) -> RunState:
        """Take every step that is left; returns what is known after the last. Raises Interrupted after a stop."""
        tasks = self.config.tasks
        iterations = self.config.method.iterations_per_fusion
        self.emit(Started(tasks=tasks, iterations=iterations, device=self.progress.device))
        self.step_began = time.monotonic()
        try:
            with sharing(self.tower.module):
                if not self.progress.matrix:
                    self._evaluate_base()
                for t in range(self.progress.step + 1, len(tasks) + 1):
                    self.step_began = time.monotonic()
                    self._advance(t)
        except (Interrupted, KeyboardInterrupt):
            if self.progress.matrix:
                unfinished = self.progress.unfinished_seconds + time.monotonic() - self.step_began
                self._write_progress(unfinished_seconds=unfinished)
            raise
        return self.progress

    def _evaluate_base(self) -> None:
        """a[0], the pre-trained model on all tasks."""
        self.emit(Phase(text="Evaluating the pre-trained model"))
        tasks = self.config.tasks
        self.tower.load()
        row = self._row(0, range(len(tasks)), lambda task: self._unmerged("pre-trained", task, self.evaluator))
        held_out = self._held_out(lambda task: self._unmerged("pre-trained", task, Evaluator(self.library)))
        self._know(held_out={task: (accuracy,) for task, accuracy in held_out})
        test_images = tuple(len(self.evaluator.test(task)) for task in tasks)
        self._write_progress(test_images=test_images, matrix=(row,))

    def _held_out(self, measure: Callable[[str], float]) -> Iterator[tuple[str, float]]:
        """What `measure` says of each task that is evaluated and not merged."""
        for task in self.config.held_out(task.id for task in self.library.tasks):
            self._check_stop(self.progress.step, 0)
            yield task, measure(task)

    def _unmerged(self, model: str, task: str, evaluator: Evaluator) -> float:
        """The accuracy of the pre-trained model or of an expert, which is in the tower now."""
        conditions = (str(self.tower.device), self.config.scoring, self.config.text_precision)

        def measure() -> float:
            return evaluator.accuracy(task, self.zero_shot_heads.get(task) or self._head(task), self.tower)

        return once(measure, model, task, self.library.manifest_hash, *conditions)

    def _advance(self, t: int) -> None:
        """Step t of the fold: state t−1 → state t, evaluated and saved."""
        self._check_stop(t, 0)
        task, last = self.config.tasks[t - 1], len(self.config.tasks)
        began = time.monotonic()
        incoming = {name: d.to(self.tower.device) for name, d in self.library.task_vector(task).items()}
        self.tower.load(incoming)
        individual = self._unmerged("expert", task, self.evaluator)
        self._know(individual=(*self.progress.individual[: t - 1], individual))
        self.emit(Arrived(step=t, task=task, individual=individual))
        method = self.config.method
        if method.joint:
            self._gather(t, incoming)
        context = self._context(t)
        try:
            self.state = method.fuse(self.state, incoming, context) if self.state else method.begin(incoming, context)
        except Interrupted as interruption:
            self.emit(Stopped(step=t, iteration=interruption.iteration))
            raise
        del incoming, context
        check_finite(self.state.delta, f"the merged task vector of step {t}, {task}")
        model = method.deployed(self.state, self.tower)
        self._tune_heads(t, model)
        self.emit(Fused(step=t, task=task, duration=time.monotonic() - began))
        evaluated = range(last) if self.config.evaluate == "all" or t == last else range(t + 1)
        heads = {**self.zero_shot_heads, **self.heads}
        row = self._row(t, evaluated, lambda task: self.evaluator.accuracy(task, heads[task], model))
        if t == last:
            before = self.progress.held_out  # a test split of these at a time in memory
            held_out = self._held_out(lambda task: Evaluator(self.library).accuracy(task, self._head(task), model))
            self._know(held_out={task: (before[task][0], accuracy) for task, accuracy in held_out})
            if method.grows:
                self._measure_growth(self.state, model, heads)
        self.seen.forget(t)
        self._save(t, self.state, row)

    def _measure_growth(self, state: State, model: Tower, heads: dict[str, Head]) -> None:
        method, tasks = self.config.method, self.config.tasks
        variants = {}
        for name, variant in method.variants().items():
            other = variant.deployed(state, self.tower)
            variants[name] = [self.evaluator.accuracy(task, heads[task], other) for task in tasks]
        inputs = self.evaluator.test(tasks[-1]).inputs
        self._know(growth=growth(method, len(tasks), self.tower, model, inputs, variants))

    def _row(self, t: int, evaluated: range, measure: Callable[[str], float]) -> AccuracyRow:
        """a[t]: what `measure` says of the tasks numbered `evaluated`, None of the others."""
        row: list[float | None] = [None] * len(self.config.tasks)
        for i in evaluated:
            self.emit(Evaluating(step=t, row=tuple(row)))
            self._check_stop(t, self.config.method.iterations_per_fusion)
            row[i] = measure(self.config.tasks[i])
        self.emit(Evaluated(step=t, row=tuple(row)))
        return tuple(row)

    def _check_stop(self, t: int, iteration: int) -> None:
        if self.should_stop():
            self.emit(Stopped(step=t, iteration=iteration))
            raise Interrupted(f"stopped at step {t} of {len(self.config.tasks)}", iteration)

    def _context(self, t: int) -> Context:
        """The context of step t."""
        method = self.config.method
        if not self.config.reads_examples:
            return Context(t, self.config.seed, vectors=tuple(self.vectors))

        def report(iteration: int, row: Mapping[str, float | None], seconds: float) -> None:
            self.emit(Iterated(step=t, iteration=iteration, duration=seconds, row=row))

        learning = Learning(
            tower=self.tower,
            calibration=self.seen.calibration(t),
            class_vectors=self.class_vectors,
            results=self.path / layout.step_folder(t),
            unfinished=self.path / layout.WITHIN,
            save_seconds=self.config.checkpoint_seconds,
            report=report,
            should_stop=self.should_stop,
            labelled=self.library.examples(self.config.tasks[t - 1], "labelled") if method.reads == "labels" else None,
        )
        return Context(t, self.config.seed, learning, tuple(self.vectors))

    def _gather(self, t: int, incoming: StateDict) -> None:
        """Put the task vectors of tasks 1…t together; after a resume the earlier ones are read again."""
        for task in self.config.tasks[len(self.vectors) : t - 1]:
            vector = self.library.task_vector(task)
            self.vectors.append({name: tensor.to(self.tower.device) for name, tensor in vector.items()})
        self.vectors.append(incoming)

    def _tune_heads(self, t: int, model: Tower) -> None:
        """Tune the heads whose turn it is after step t, with θ_m frozen."""
        for task in [self.config.tasks[i] for i in self.config.heads_tuned(t)]:
            pool = self.library.examples(task, "labelled")
            rows = labelled_subset(pool.labels, self.config.head_fraction, self.config.seed)
            features = model.features(pool.inputs[rows], task)
            self.heads[task] = tune(features, pool.labels[rows], self.zero_shot_heads[task], self.config.head_lr)

    def _head(self, task: str) -> Head:
        head = self.library.head(task, self.config.scoring)
        return head._replace(weight=head.weight.to(self.tower.device))

    def _save(self, t: int, state: State, row: AccuracyRow) -> None:
        """Make step t durable: its state first, then the progress that points to it."""
        tasks = len(self.config.tasks)
        folder = layout.state_folder(self.path, t, tasks)
        write_state(folder, state, carried=t < tasks or self.config.method.grows)
        if self.heads:
            write_tensors(folder / layout.HEADS, {task: head.weight for task, head in self.heads.items()})
        if t < tasks:
            write_tensors(folder / layout.TEACHERS, self.seen.teachers)
        spent = self.progress.unfinished_seconds + time.monotonic() - self.step_began
        self._write_progress(
            step=t,
            matrix=(*self.progress.matrix, row),
            step_seconds=(*self.progress.step_seconds, spent),
            unfinished_seconds=0.0,
        )
        shutil.rmtree(layout.state_folder(self.path, t - 1, tasks), ignore_errors=True)

    def _know(self, **changes: object) -> None:
        """Change what is known of the run, in memory."""
        self.progress = self.progress.model_copy(update=changes)

    def _write_progress(self, **changes: object) -> None:
        """Change what is known of the run, and keep it in its folder."""
        peak = max(self.progress.peak_memory_bytes, peak_memory(self.tower.device))
        self._know(seconds=self.spent + time.monotonic() - self.began, peak_memory_bytes=peak, **changes)
        write_json(self.path / layout.STATE, self.progress.model_dump(mode="json"))

    def _read_step(self) -> None:
        """The state, the teachers' features and the tuned heads after the last completed step."""
        step, tasks = self.progress.step, len(self.config.tasks)
        folder = layout.state_folder(self.path, step, tasks)
        self.state = read_state(folder).to(self.tower.device)
        if (folder / layout.HEADS).is_file():
            weights = self._read(folder / layout.HEADS)
            self.heads = {task: self.zero_shot_heads[task]._replace(weight=weight) for task, weight in weights.items()}
        if step < tasks:
            self.seen.teachers = self._read(folder / layout.TEACHERS)

    def _read(self, path: Path) -> StateDict:
        # copied, for its alignment, as `read_state` does
        return {name: tensor.to(self.tower.device, copy=True) for name, tensor in read_tensors(path).items()}


def _read_progress(path: Path, config: MergeConfig, library: str) -> RunState:
    """The state of the run in folder `path`, or of one about to begin on the library of that SHA-256.

    Raises InputError when the file is damaged or the run began on another library.
    """
    file = path / layout.STATE
    if not file.is_file():
        return RunState(tasks=config.tasks, library=library)
    progress = parsed(RunState, file, read_object(file))
    if progress.library != library:
        raise InputError(f"a run goes on with the library it began with: {config.library} has changed since")
    return progress
