"""Answers of a finished run's models to images or texts: the pre-trained, each fine-tuned and the merged one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from otmf_core import layout
from otmf_core.analysis.finished_run import finished_run
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.models.base import Tower
from otmf_core.models.checkpoints import check_matches, read_tensors
from otmf_core.models.heads import Head
from otmf_core.models.inputs import Inputs
from otmf_core.runs.folder import Run
from otmf_core.runs.weights import read_state

PRE_TRAINED, MERGED = "pre-trained", "merged"  # the others are named by their task
ANSWERS = "a run answers"


def load_model(run_dir: Path, model: str) -> Tower:
    """The network at θ⁰ (`PRE_TRAINED`), θ⁰ + Δ_m (`MERGED`) or θ⁰ + Δᵗ (a task of the run), on the CPU, for good.

    Raises InputError as `finished_run` does, and on weights that are missing, damaged or another model's.
    """
    run, library = finished_run(run_dir, ANSWERS)
    tower = _deployed(run, library, model, _tower(run, library))
    tower.module.requires_grad_(False)
    return tower.settled()  # several are kept in memory, and no other Δ is put into this one


def answer(run_dir: Path, model: str, tower: Tower, task: str, inputs: Inputs) -> Tensor:
    """Probabilities (n, classes) over a task's classes, softmax(s · cos(φ(x), h)), of n inputs; of texts, of answers.

    `tower` is that of `model`. Heads are the zero-shot ones but for the merged model of a run that tuned its own,
    as in the run's accuracies. Changes nothing.
    """
    run, library = finished_run(run_dir, ANSWERS)
    return tower.scores(inputs, _head(run, library, model, task), task).softmax(dim=-1)


def experts(run_dir: Path, models: Sequence[str], task: str, inputs: Inputs) -> Iterator[tuple[str, Tensor]]:
    """The task and the `answer` of each fine-tuned model in turn; one network's memory, however many there are."""
    run, library = finished_run(run_dir, ANSWERS)
    tower = _tower(run, library)
    for model in models:
        present = _deployed(run, library, model, tower)
        yield model, present.scores(inputs, _head(run, library, model, task), task).softmax(dim=-1)


def _deployed(run: Run, library: Library, model: str, tower: Tower) -> Tower:
    """One of a run's models on the network of this tower."""
    if model == MERGED:
        state = read_state(run.path)
        check_matches(state.delta, tower.base, str(run.path / layout.MERGED))
        return run.config.method.deployed(state, tower)
    tower.load(None if model == PRE_TRAINED else library.task_vector(model))
    return tower


def _tower(run: Run, library: Library) -> Tower:
    return library.tower(torch.device("cpu"), run.config.text_features, run.config.text_precision)


def _head(run: Run, library: Library, model: str, task: str) -> Head:
    head = library.head(task)
    tuned = run.path / layout.HEADS
    if model != MERGED or not tuned.is_file():
        return head
    weights = read_tensors(tuned)
    if task in weights and weights[task].shape != head.weight.shape:
        raise InputError(f"a tuned head has the shape of the task's own: {task} in {tuned}")
    return head._replace(weight=weights.get(task, head.weight))
