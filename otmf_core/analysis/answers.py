"""What the models of a finished run answer to an image: the pre-trained, each fine-tuned and the merged one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otmf_core.analysis.finished import finished
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.merging.evaluation import Head
from otmf_core.models.checkpoints import check_matches, read_tensors
from otmf_core.models.clip import build_encoder, encode, preprocess
from otmf_core.models.task_vector import StateDict, apply, weights
from otmf_core.runs.folder import Run

PRE_TRAINED, MERGED = "pre-trained", "merged"  # the others are named by their task
ANSWERS = "a run answers"


def load_encoder(run_dir: Path, model: str) -> nn.Module:
    """The image tower of θ⁰ (`PRE_TRAINED`), of θ⁰ + Δ_m (`MERGED`) or of θ⁰ + Δᵗ (a task of the run), on the CPU.

    Raises InputError as `finished` does, and on weights that are missing, damaged or another model's.
    """
    run, library = finished(run_dir, ANSWERS)
    base = library.base()
    encoder = build_encoder(library.backbone_config)
    tower = {name: tensor for name, tensor in base.items() if tensor.is_floating_point()}
    check_matches(tower, weights(encoder), f"the backbone of {library.name}")
    apply(encoder, base, _delta(run, library, model, base))
    return encoder.requires_grad_(False)


def answer(run_dir: Path, model: str, encoder: nn.Module, task: str, pixels: Tensor) -> Tensor:
    """Probabilities (n, classes) over a task's classes, softmax(s · cos(φ(x), h)), of uint8 images (n, H, W, 3).

    `encoder` is that of `model`. Heads are the zero-shot ones but for the merged model of a run that tuned its own,
    as in the run's accuracies. Changes nothing.
    """
    run, library = finished(run_dir, ANSWERS)
    head = _head(run, library, model, task)
    with torch.inference_mode():
        return _probabilities(encoder, preprocess(pixels, library.backbone_config), head)


def experts(run_dir: Path, models: Sequence[str], task: str, pixels: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Of each fine-tuned model in turn, its task and its `answer`; one encoder's memory, however many there are."""
    run, library = finished(run_dir, ANSWERS)
    base = library.base()
    encoder = build_encoder(library.backbone_config)
    images = preprocess(pixels, library.backbone_config)
    for model in models:
        apply(encoder, base, _delta(run, library, model, base))
        with torch.inference_mode():
            found = _probabilities(encoder, images, _head(run, library, model, task))
        yield model, found


def _probabilities(encoder: nn.Module, images: Tensor, head: Head) -> Tensor:
    weight, scale = head
    features = F.normalize(encode(encoder, images), dim=-1)  # (n, d)
    return (scale * features @ weight.T).softmax(dim=-1)


def _delta(run: Run, library: Library, model: str, base: StateDict) -> StateDict | None:
    if model == PRE_TRAINED:
        return None
    if model != MERGED:
        return library.task_vector(model, base)
    path = run.path / "merged.safetensors"
    delta = read_tensors(path)
    check_matches(delta, {name: tensor for name, tensor in base.items() if tensor.is_floating_point()}, str(path))
    return delta


def _head(run: Run, library: Library, model: str, task: str) -> Head:
    weight, scale = library.head(task)
    tuned = run.path / "heads.safetensors"
    if model != MERGED or not tuned.is_file():
        return weight, scale
    heads = read_tensors(tuned)
    if task in heads and heads[task].shape != weight.shape:
        raise InputError(f"a tuned head has the shape of the task's own: {task} in {tuned}")
    return heads.get(task, weight), scale
