"""What training made, as a library: weights, heads, and every image drawn once and frozen."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from otmf_core.library.writing import TaskContents, write_library
from otmf_core.minizoo.augment import TASK, coloured
from otmf_core.minizoo.recipe import Recipe, generator
from otmf_core.minizoo.tasks import SUITES, Bank, Task
from otmf_core.models.heads import Head


@dataclass(frozen=True)
class Made:
    """What training made of one task: its half-precision task vector and its head."""

    task: Task
    vector: dict[str, Tensor]
    head: Head


def rows(bank: Bank, count: int, rng: torch.Generator) -> Tensor:
    """Indices (count,) into a bank, every class alike and no image twice before all of its class were taken once."""
    labels = torch.from_numpy(bank.labels).long()
    queues: list[list[int]] = []
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        rounds = -(-count // len(members))
        queues.append([int(i) for _ in range(rounds) for i in members[torch.randperm(len(members), generator=rng)]])
    order = [queue[turn] for turn in range(count) for queue in queues if turn < len(queue)]
    return torch.tensor(order[:count])


def freeze(task: Task, bank: Bank, chosen: Tensor, recipe: Recipe, rng: torch.Generator) -> dict[str, list]:
    """The columns of a split: each chosen image drawn once in the task's domain and kept as WebP."""
    pictures = coloured(task.kind, torch.from_numpy(bank.images)[chosen], rng, TASK).mul(255).round().to(torch.uint8)
    blobs = []
    for picture in pictures.permute(0, 2, 3, 1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "WEBP", quality=recipe.webp_quality, method=6)
        blobs.append(buffer.getvalue())
    index = chosen.numpy()
    return {
        "image": blobs,
        "label": bank.labels[index].tolist(),
        "origin": [str(origin) for origin in bank.origins[index]],
    }


def splits(task: Task, recipe: Recipe, seed: int) -> dict[str, dict[str, list]]:
    """Calibration, labelled and test columns; the first two share training sources but, where they last, no image."""
    rng = generator(seed, "splits", task.id)
    chosen = rows(task.train, recipe.calibration_images + recipe.labelled_images, rng)
    chosen = chosen[torch.randperm(len(chosen), generator=rng)]
    parts = {
        "calibration": (task.train, chosen[: recipe.calibration_images]),
        "labelled": (task.train, chosen[recipe.calibration_images :]),
        "test": (task.test, rows(task.test, recipe.test_images, rng)),
    }
    return {name: freeze(task, bank, index, recipe, rng) for name, (bank, index) in parts.items()}


def package(
    out: Path,
    name: str,
    config: dict[str, Any],
    weights: dict[str, Tensor],
    made: list[Made],
    recipe: Recipe,
    seed: int,
    licences: str,
) -> None:
    """Write the library that was made; its manifest lacks the recipe."""
    description = "A miniature CLIP pre-trained on plain captioned images, fine-tuned on noisy, coloured tasks."
    contents = (_contents(one, recipe, seed) for one in made)
    write_library(out, name, description, config, weights, contents, SUITES, {"LICENSES.md": licences})


def _contents(made: Made, recipe: Recipe, seed: int) -> TaskContents:
    task = made.task
    entry = {"id": task.id, "name": task.name, "classes": list(task.classes), "templates": list(task.templates)}
    entry |= {"train_source": task.train_source, "test_source": task.test_source, "licence": task.licence}
    return TaskContents(entry, made.vector, made.head, splits(task, recipe, seed))
