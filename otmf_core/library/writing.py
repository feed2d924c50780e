"""Write a library: folder, manifest and hashes, put in place as a whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from otmf_core.files import sha256, write_json, write_table, write_tensors, write_text
from otmf_core.library.manifest import SELF_CONTAINED
from otmf_core.models.heads import Head


@dataclass(frozen=True)
class TaskContents:
    """A task to be written: its manifest entry (id, name, classes …), task vector, head, and each split's columns."""

    entry: Mapping[str, Any]
    vector: Mapping[str, Tensor]
    head: Head
    splits: Mapping[str, dict[str, list]]


def write_library(
    out: Path,
    name: str,
    description: str,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    tasks: Iterable[TaskContents],
    suites: Mapping[str, int],
    texts: Mapping[str, str],
) -> None:
    """Write a library as the new folder `out`, in the place of an older one; one task is in memory at a time.

    `config` and `weights` are the pre-trained CLIP's, as open_clip has them. `suites` maps a suite's name to the number
    of first tasks it has; without one that fits, all tasks are the only suite. `texts` are further files by name.
    """
    draft = out.with_name(f".{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    write_json(draft / "backbone" / "config.json", config)
    write_tensors(draft / "backbone" / "weights.safetensors", dict(weights))
    entries = [_write_task(draft, task) for task in tasks]
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    ids = [entry["id"] for entry in entries]
    manifest = {
        "format": SELF_CONTAINED,
        "id": out.name,
        "name": name,
        "description": description,
        "backbone": {"config": "backbone/config.json", "weights": "backbone/weights.safetensors"},
        "suites": {suite: ids[:size] for suite, size in suites.items() if size <= len(ids)} or {str(len(ids)): ids},
        "tasks": entries,
        "files": {
            path.relative_to(draft).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size} for path in files
        },
    }
    for file, text in texts.items():
        write_text(draft / file, text)
    write_json(draft / "manifest.json", manifest)
    _replace(draft, out)


def _write_task(root: Path, task: TaskContents) -> dict[str, Any]:
    folder = f"tasks/{task.entry['id']}"
    write_tensors(root / folder / "task_vector.safetensors", dict(task.vector))
    head = {"weight": task.head.weight, "logit_scale": torch.tensor(task.head.scale)}
    write_tensors(root / folder / "head.safetensors", head)
    for split, columns in task.splits.items():
        write_table(root / folder / f"{split}.parquet", columns)
    parts = {"task_vector": "task_vector.safetensors", "head": "head.safetensors"}
    parts |= {split: f"{split}.parquet" for split in task.splits}
    return {**task.entry, **{part: f"{folder}/{file}" for part, file in parts.items()}}


def _replace(draft: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    draft.rename(out)
    shutil.rmtree(old, ignore_errors=True)
