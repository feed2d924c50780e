"""The continual merge: a fold of one method's step over the tasks, evaluated after every step, resumable at any moment."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from otmf_core import __version__, metrics, runs
from otmf_core.backbone import build_encoder, preprocess
from otmf_core.checkpoints import check_matches, read_tensors
from otmf_core.config import MergeConfig
from otmf_core.context import Context, Event, View
from otmf_core.device import peak_memory, reset_peak_memory, resolve
from otmf_core.errors import InputError, Interrupted
from otmf_core.evaluation import Evaluator
from otmf_core.files import read_json, sha256, write_json, write_tensors
from otmf_core.heads import labelled_subset, tune
from otmf_core.library import Library, open_library
from otmf_core.methods import METHODS
from otmf_core.task_vector import StateDict, apply, weights
from otmf_core.transport import ClassVectors


@dataclass
class Progress:
    """What is known of a run after its last completed step; row t of the matrix is a[t], percent."""

    tasks: list[str]
    library: str  # SHA-256 of the manifest the run started from
    step: int = 0
    matrix: list[list[float | None]] = field(default_factory=list)
    individual: list[float] = field(default_factory=list)
    test_images: list[int] = field(default_factory=list)
    step_seconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    device: str = ""


def run_merge(
    config: MergeConfig,
    out: Path,
    *,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
    run_id: str | None = None,
) -> dict[str, Any]:
    """Merge the tasks of `config` into a new run folder under `out`; returns the run's record.

    Raises InputError on bad input, before the folder is made wherever that can be known, and Interrupted after a stop.
    """
    path = Path(out) / (run_id or runs.new_run_id(config.method))
    emit({"type": "phase", "text": "Checking weights and images"})
    _check_inputs(config)
    runs.create_run(path, config.model_dump(mode="json"))
    return resume_merge(path, emit=emit, should_stop=should_stop)


def resume_merge(
    path: Path, *, emit: Callable[[Event], None], should_stop: Callable[[], bool]
) -> dict[str, Any]:
    """Continue the run in this folder from where it stands; returns its record. Raises as `run_merge` does."""
    run = runs.load_run(path)
    if run.status == "done":
        raise InputError(f"a finished run has nothing to resume: {run.id} is done")
    config = MergeConfig.parse(run.config)

    def report(event: Event) -> None:
        emit({**event, "run": run.id})

    with runs.owned(path):
        runs.set_status(path, "running")
        try:
            record = _Fold(config, path, report, should_stop).run()
        except (Interrupted, KeyboardInterrupt):
            runs.set_status(path, "stopped")
            raise
        except BaseException as error:
            message = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            _set_failed(path, message)
            report({"type": "failed", "message": message})
            raise
        runs.set_status(path, "done")
    report({"type": "finished", "record": record})
    return record


def partial_record(path: Path) -> dict[str, Any]:
    """The record of a run that is not done: what is known of it so far, metrics null."""
    run = runs.load_run(path)
    config = MergeConfig.parse(run.config)
    known = {key: run.progress.get(key, default) for key, default in asdict(Progress(list(config.tasks), "")).items()}
    return _record(run.id, run.status, config, Progress(**known), run.created)


def _set_failed(path: Path, message: str) -> None:
    try:
        runs.set_status(path, "failed", message)
    except InputError:
        pass  # a full disk: the status stays "running" without an owner, which reads as interrupted


def _check_inputs(config: MergeConfig) -> None:
    """Raise InputError for anything wrong with the device, the library or the files of the tasks; keeps nothing."""
    resolve(config.device)
    library = open_library(config.library)
    for task in config.tasks:
        library.task(task)
    base = library.base()
    model = weights(build_encoder(library.backbone_config))
    check_matches({name: tensor for name, tensor in base.items() if tensor.is_floating_point()}, model, "the pre-trained model")
    for task in config.tasks:
        library.task_vector(task, base)
        library.head(task)
        for split in _splits(config):
            library.check_images(task, split)


def _splits(config: MergeConfig) -> list[str]:
    calibration = ["calibration"] if METHODS[config.method].READS_IMAGES else []
    labelled = ["labelled"] if config.heads == "tuned" else []
    return ["test", *calibration, *labelled]


class _Fold:
    """One process's part of a run: opened from the run folder, advanced step by step, closed with a record."""

    def __init__(
        self, config: MergeConfig, path: Path, emit: Callable[[Event], None], should_stop: Callable[[], bool]
    ) -> None:
        self.began = time.monotonic()
        self.config, self.path, self.should_stop = config, path, should_stop
        self.emit = lambda event: emit({**event, "seconds": time.monotonic() - self.began})
        self.method = METHODS[config.method]
        self.device = resolve(config.device)
        self.library = open_library(config.library)
        self.emit({"type": "phase", "text": f"Reading {self.library.name}"})
        manifest = sha256(self.library.root / "manifest.json")
        self.progress = self._read_progress(manifest)
        self.spent = self.progress.seconds
        self.progress.device = str(self.device)
        reset_peak_memory(self.device)
        self.base = {name: tensor.to(self.device) for name, tensor in self.library.base().items()}
        self.encoder = build_encoder(self.library.backbone_config).to(self.device)
        self.zero_shot_heads = {task: self._head(task) for task in config.tasks}
        self.evaluator = Evaluator(self.library, lambda pixels: self._context(0).features(pixels))

    def run(self) -> dict[str, Any]:
        tasks, progress = self.config.tasks, self.progress
        fusions = len(tasks) - 1
        self.emit({"type": "started", "tasks": list(tasks), "fusions": fusions, "steps": self.config.steps})
        merged, teachers, heads = self._read_state()
        if not progress.matrix:
            self.emit({"type": "phase", "text": "Evaluating the pre-trained model"})
            apply(self.encoder, self.base)
            progress.test_images = [len(self.evaluator.test(task)) for task in tasks]
            progress.matrix.append(self._row(range(len(tasks)), self.zero_shot_heads))
        for t in range(1, len(tasks) + 1):
            if t <= progress.step:
                continue
            if self.should_stop():
                self.emit({"type": "stopped", "step": t, "iteration": 0})
                raise Interrupted(f"stopped before step {t} of {len(tasks)}")
            merged = self._advance(t, merged, teachers, heads)
        assert merged is not None
        record = _record(self.path.name, "done", self.config, progress, runs.load_run(self.path).created)
        write_json(self.path / "record.json", record)
        shutil.rmtree(self.path / "resume", ignore_errors=True)
        return record

    def _advance(self, t: int, merged: StateDict | None, teachers: dict, heads: dict) -> StateDict:
        """Step t of the fold: Δ_m⁽ᵗ⁻¹⁾ → Δ_m⁽ᵗ⁾, evaluated and saved. `teachers` and `heads` grow with it."""
        task = self.config.tasks[t - 1]
        began = time.monotonic()
        delta = {n: d.to(self.device) for n, d in self.library.task_vector(task, self.base).items()}
        apply(self.encoder, self.base, delta)
        individual = self.evaluator.accuracy(task, self.zero_shot_heads[task])
        self.progress.individual = [*self.progress.individual[: t - 1], individual]
        self.emit({"type": "teacher", "step": t, "task": task, "individual": individual})
        context = self._context(t, teachers)
        if merged is None:
            merged = self.method.first(delta, self.config)
        else:
            merged = self.method.step(self.base, merged, delta, context)
        del delta
        apply(self.encoder, self.base, merged)
        self._tune_heads(t, heads)
        self.emit({"type": "fused", "step": t, "task": task, "fusion_seconds": time.monotonic() - began})
        last = t == len(self.config.tasks)
        known = range(len(self.config.tasks)) if self.config.evaluate == "all" or last else range(t + 1)
        row = self._row(known, {**self.zero_shot_heads, **heads})
        self._forget(t, teachers)
        self._save(t, row, merged, teachers, heads, time.monotonic() - began)
        return merged

    def _row(self, known: range, heads: dict) -> list[float | None]:
        """a[t]: the accuracy on the tasks numbered `known`, None for the others; emitted as it is found."""
        step = len(self.progress.matrix)
        tasks = self.config.tasks
        row = [self.evaluator.accuracy(task, heads[task]) if i in known else None for i, task in enumerate(tasks)]
        self.emit({"type": "row", "step": step, "row": row})
        return row

    def _context(self, t: int, teachers: dict[str, Tensor] | None = None) -> Context:
        """What step t may see: all calibration images of tasks t−1 and t, `memory` of each earlier one.

        `teachers` gains the incoming expert's features; with memory they are kept, each expert's from when it arrived.
        """
        views: list[View] = []
        tasks = self.config.tasks[:t]
        if teachers is not None and self.method.READS_IMAGES:
            for number, task in enumerate(tasks, start=1):
                pixels = self.library.images(task, "calibration").pixels
                if number < t - 1:
                    pixels = pixels[: self.config.memory]
                views.append(View(pixels, teachers.get(task)))
            context = self._bare_context(t, views)
            if tasks[-1] not in teachers:
                teachers[tasks[-1]] = context.features(views[-1].pixels)
            views[-1] = View(views[-1].pixels, teachers[tasks[-1]])
        return self._bare_context(t, views)

    def _bare_context(self, t: int, views: list[View]) -> Context:
        config = self.library.backbone_config
        return Context(
            config=self.config,
            step=t,
            device=self.device,
            encoder=self.encoder,
            preprocess=lambda pixels: preprocess(pixels, config),
            views=views,
            heads=ClassVectors([self.zero_shot_heads[task] for task in self.config.tasks[: max(t, 1)]]),
            within=self.path / "resume" / "within.safetensors",
            results=self.path / "steps" / f"{t:02d}",
            emit=self.emit,
            should_stop=self.should_stop,
        )

    def _forget(self, t: int, teachers: dict[str, Tensor]) -> None:
        """Keep what step t+1 may see: with memory the features of the images kept, without it nothing."""
        if self.config.memory == 0:
            teachers.clear()
            return
        for task in self.config.tasks[: t - 1]:
            if task in teachers:
                teachers[task] = teachers[task][: self.config.memory]

    def _tune_heads(self, t: int, heads: dict) -> None:
        """After step t tune the head of task t−1, and after the last step that of task T too (method, section 3)."""
        if self.config.heads == "none":
            return
        tasks = self.config.tasks
        for task in tasks[max(t - 2, 0) : t - 1] + (tasks[-1:] if t == len(tasks) else ()):
            pool = self.library.images(task, "labelled")
            chosen = labelled_subset(pool.labels, self.config.head_fraction, self.config.seed)
            weight, scale = self.zero_shot_heads[task]
            features = self._bare_context(t, []).features(pool.pixels[chosen])
            heads[task] = (tune(features, pool.labels[chosen], (weight, scale)), scale)

    def _head(self, task: str) -> tuple[Tensor, float]:
        weight, scale = self.library.head(task)
        return weight.to(self.device), scale

    def _save(
        self, t: int, row: list[float | None], merged: StateDict, teachers: dict, heads: dict, seconds: float
    ) -> None:
        """Make step t durable: its state first, then the progress that points to it."""
        state = self.path / "resume" / f"step-{t:02d}"
        write_tensors(self.path / "merged.safetensors" if t == len(self.config.tasks) else state / "merged.safetensors", merged)
        write_tensors(state / "teachers.safetensors", {name: tensor.contiguous() for name, tensor in teachers.items()})
        write_tensors(state / "heads.safetensors", {task: weight for task, (weight, _) in heads.items()})
        self.progress.step = t
        self.progress.matrix.append(row)
        self.progress.step_seconds.append(seconds)
        self.progress.seconds = self.spent + time.monotonic() - self.began
        self.progress.peak_memory_bytes = max(self.progress.peak_memory_bytes, peak_memory(self.device))
        write_json(self.path / "progress.json", asdict(self.progress))
        shutil.rmtree(self.path / "resume" / f"step-{t - 1:02d}", ignore_errors=True)

    def _read_progress(self, manifest: str) -> Progress:
        saved = self.path / "progress.json"
        if not saved.is_file():
            return Progress(list(self.config.tasks), manifest)
        progress = Progress(**read_json(saved))
        if progress.library != manifest:
            raise InputError(f"a run resumes on the library it began with: {self.library.root} has changed since")
        return progress

    def _read_state(self) -> tuple[StateDict | None, dict[str, Tensor], dict[str, tuple[Tensor, float]]]:
        """Δ_m, the teachers' features and the tuned heads after the last completed step."""
        t = self.progress.step
        if t == 0:
            return None, {}, {}
        state = self.path / "resume" / f"step-{t:02d}"
        merged = self.path / "merged.safetensors" if t == len(self.config.tasks) else state / "merged.safetensors"
        read = [read_tensors(path) for path in (merged, state / "teachers.safetensors", state / "heads.safetensors")]
        delta, teachers, heads = ({name: tensor.to(self.device) for name, tensor in each.items()} for each in read)
        return delta, teachers, {task: (weight, self.zero_shot_heads[task][1]) for task, weight in heads.items()}


def _record(run: str, status: str, config: MergeConfig, progress: Progress, created: str) -> dict[str, Any]:
    """Everything a run found, by the names the field uses; percent, seconds and bytes."""
    reads = METHODS[config.method].READS_IMAGES
    labels = "unlabelled images" if reads else "none"
    if config.heads == "tuned":
        labels = f"labelled heads ({config.head_fraction:.0%})"
    done = status == "done"
    figures = metrics.summary(progress.matrix, progress.individual) if done else {}
    return {
        "run": run,
        "status": status,
        "library": config.library,
        "method": config.method,
        "preset": config.preset,
        "tasks": list(config.tasks),
        "alpha": config.alpha if config.method == "otmf" else None,
        "scaling": config.scaling if config.method == "task-arithmetic" else None,
        "heads": config.heads,
        **{name: figures.get(name) for name in ("acc", "bwt", "fwt", "forgetting", "stability", "plasticity", "normalised_acc")},
        "matrix": progress.matrix,
        "individual": progress.individual,
        "zero_shot": progress.matrix[0] if progress.matrix else [],
        "labels": labels,
        "calibration_split": "train" if reads or config.heads == "tuned" else "none",
        "memory_per_task": config.memory if reads else 0,
        "test_images": progress.test_images,
        "steps": config.steps if reads else 0,
        "seed": config.seed,
        "device": progress.device,
        "seconds": progress.seconds,
        "step_seconds": progress.step_seconds,
        "peak_memory_bytes": progress.peak_memory_bytes,
        "created": created,
        "versions": {"otmf": __version__, "python": platform.python_version(), "torch": torch.__version__},
    }
