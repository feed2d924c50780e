"""Write a library folder: weights, heads, frozen images, the manifest that vouches for them, and the licences."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from otmf_core.files import sha256, write_json, write_table, write_tensors
from otmf_core.library.library import FORMAT
from otmf_core.minizoo.augment import TASK, coloured
from otmf_core.minizoo.recipe import Recipe, generator
from otmf_core.minizoo.tasks import SUITES, Bank, Task


@dataclass(frozen=True)
class Made:
    """What training made of one task: its half-precision task vector, its head (classes, d), the head's logit scale."""

    task: Task
    vector: dict[str, Tensor]
    head: Tensor
    scale: float


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


def _write_task(root: Path, made: Made, recipe: Recipe, seed: int) -> dict[str, Any]:
    task, folder = made.task, f"tasks/{made.task.id}"
    write_tensors(root / folder / "task_vector.safetensors", made.vector)
    write_tensors(root / folder / "head.safetensors", {"weight": made.head, "logit_scale": torch.tensor(made.scale)})
    for name, columns in splits(task, recipe, seed).items():
        write_table(root / folder / f"{name}.parquet", columns)
    return {
        "id": task.id, "name": task.name, "classes": list(task.classes), "templates": list(task.templates),
        "train_source": task.train_source, "test_source": task.test_source, "licence": task.licence,
        "task_vector": f"{folder}/task_vector.safetensors", "head": f"{folder}/head.safetensors",
        **{name: f"{folder}/{name}.parquet" for name in ("calibration", "labelled", "test")},
    }  # fmt: skip


def package(
    out: Path, name: str, config: dict, weights: dict[str, Tensor], made: list[Made], recipe: Recipe, seed: int,
    record: dict[str, Any], licences: str,
) -> None:  # fmt: skip
    """Write the library beside `out` and put it in place as a whole; `record` describes how it was made."""
    draft = out.with_name(f".{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    write_json(draft / "backbone" / "config.json", config)
    write_tensors(draft / "backbone" / "weights.safetensors", weights)
    tasks = [_write_task(draft, one, recipe, seed) for one in made]
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    ids = [task["id"] for task in tasks]
    manifest = {
        "format": FORMAT,
        "id": out.name,
        "name": name,
        "description": "A miniature CLIP pre-trained on plain captioned images, fine-tuned on noisy, coloured tasks.",
        "backbone": {"config": "backbone/config.json", "weights": "backbone/weights.safetensors"},
        "suites": {suite: ids[:size] for suite, size in SUITES.items() if size <= len(ids)} or {str(len(ids)): ids},
        "tasks": tasks,
        "files": {
            path.relative_to(draft).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size} for path in files
        },
        "recipe": record,
    }
    (draft / "LICENSES.md").write_text(licences, encoding="utf-8")
    write_json(draft / "manifest.json", manifest)
    _replace(draft, out)


def _replace(draft: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    draft.rename(out)
    shutil.rmtree(old, ignore_errors=True)
