"""What training made, as a folder: a transformers model, task vectors, splits, and what tasks are called and ask."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor

from otmf_core.files import sha256, write_json, write_table, write_tensors, write_text
from otmf_core.library.manifest import OF_TEXTS, Part
from otmf_core.minitext.items import Row, TextTask
from otmf_core.minitext.recipe import Recipe
from otmf_core.minitext.vocabulary import END, PAD, SENTINELS, UNKNOWN

Splits = dict[str, list[Row]]
BACKBONE = {
    "kind": "t5",
    "config": "backbone/config.json",
    "weights": "backbone/model.safetensors",
    "tokenizer": "backbone/tokenizer.json",
    "beside": ["backbone/generation_config.json", "backbone/tokenizer_config.json"],
}
GENERATION = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, "max_length": 10}  # as the field's


def splits(task: TextTask, recipe: Recipe) -> Splits:
    """Calibration and labelled rows, of the training ones and apart, and test rows; every label alike."""
    train, calibration = _alike(task.rows["train"]), recipe.calibration_rows
    return {
        "calibration": train[:calibration],
        "labelled": train[calibration : calibration + recipe.labelled_rows],
        "test": _alike(task.rows["test"])[: recipe.test_rows],
    }


def _alike(rows: Sequence[Row]) -> list[Row]:
    """Rows with labels in turn, each label's in their order."""
    queues: dict[int, list[Row]] = {}
    for row in rows:
        queues.setdefault(row[1], []).append(row)
    return [row for turn in zip(*(queues[label] for label in sorted(queues)), strict=False) for row in turn]


def write_folder(
    out: Path,
    config: Mapping[str, Any],
    weights: dict[str, Tensor],
    tokenizer: Tokenizer,
    contents: Sequence[tuple[TextTask, dict[str, Tensor], Splits]],
    about: Mapping[str, Any],
    licences: str,
    length: int,
) -> None:
    """Write the library as the folder `out`, in the place of an older one.

    `about` names it (id, name, description, recipe) in the manifest, whose recipe also says how many rows every task
    has and of which packages.
    """
    draft = out.with_name(f".{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    write_json(draft / "backbone" / "config.json", config)
    write_json(draft / "backbone" / "generation_config.json", GENERATION)
    write_json(draft / "backbone" / "tokenizer_config.json", _tokenizer_config(length))
    write_text(draft / "backbone" / "tokenizer.json", tokenizer.to_str(pretty=True))
    write_tensors(draft / "backbone" / "model.safetensors", weights, {"format": "pt"})
    for task, vector, parts in contents:
        write_tensors(draft / "tasks" / task.id / "task_vector.safetensors", vector)
        for split, rows in parts.items():
            columns = {name: [texts[i] for texts, _ in rows] for i, name in enumerate(task.fields)}
            write_table(draft / "tasks" / task.id / f"{split}.parquet", {**columns, "label": [row[1] for row in rows]})
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    hashes = {
        path.relative_to(draft).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size} for path in files
    }
    write_text(draft / "LICENSES.md", licences)
    tasks = [task for task, _, _ in contents]
    made_of = {task.id: {"sources": list(task.sources), "rows": _counts(task)} for task in tasks}
    manifest = {
        "format": OF_TEXTS,
        **about,
        "backbone": BACKBONE,
        "suites": {str(len(tasks)): [task.id for task in tasks]},
        "tasks": [_entry(task) for task in tasks],
        "files": hashes,
        "recipe": {**about["recipe"], "tasks": made_of},
    }
    write_json(draft / "manifest.json", manifest)
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)


def _entry(task: TextTask) -> dict[str, Any]:
    parts: tuple[Part, ...] = ("calibration", "labelled", "test")
    return {
        "id": task.id,
        "name": task.name,
        "classes": list(task.answers),
        "prompt": task.prompt,
        "metric": task.metric,
        "train_source": task.origin,
        "test_source": task.origin,
        "task_vector": f"tasks/{task.id}/task_vector.safetensors",
        **{part: f"tasks/{task.id}/{part}.parquet" for part in parts},
    }


def _counts(task: TextTask) -> dict[str, int]:
    return {role: len(rows) for role, rows in task.rows.items()}


def _tokenizer_config(length: int) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": END,
        "unk_token": UNKNOWN,
        "additional_special_tokens": list(SENTINELS),
        "model_max_length": length,
        "clean_up_tokenization_spaces": False,
    }
