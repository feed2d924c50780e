"""The tables of the Library page: tasks with what runs measured of them, checkpoints with what their files say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.library.calibration_sheets import calibration_strip
from dashboard.library.samples import calibration_samples
from dashboard.text import shortened
from otmf_core.library.examples import Split
from otmf_core.library.geometry import Geometry
from otmf_core.library.importers.base import precision
from otmf_core.library.library import Library, open_library
from otmf_core.library.manifest import CheckpointEntry, TaskInfo
from otmf_core.models.checkpoints import parameters, read_header
from otmf_core.runs.folder import Run

FAMILIES = {  # what their own libraries call them
    "task vector": "task vector",
    "open clip": "open_clip",
    "huggingface": "transformers",
    "task arithmetic": "task arithmetic",
    "lora": "LoRA adapter",
}
FILE_COLUMNS = ["model", "file", "format", "dtype", "parameters", "size", "norm", "sha256"]
LONGEST_EXAMPLE = 300  # characters
SPLITS: dict[Split, str] = {"calibration": "Calibration", "labelled": "Labelled", "test": "Test"}
Accuracies = Mapping[str, tuple[float, float, str]]  # task → zero-shot and individual accuracy in percent, and the run


def measured_accuracies(runs: Iterable[Run], manifest: str) -> Accuracies:
    """Test accuracy of the pre-trained and of each task's fine-tuned model, from finished runs, newest first.

    Only runs on the library with this manifest count, and both values were measured with the zero-shot heads.
    """
    accuracies: Accuracies = {}
    for run in runs:
        if run.record and run.state.library == manifest:
            start, own = run.record.matrix[0], run.record.individual
            for task, zero_shot, individual in zip(run.record.tasks, start, own, strict=True):
                if zero_shot is not None:
                    accuracies.setdefault(task, (zero_shot, individual, run.id))
    return accuracies


def task_table(library: Library, accuracies: Accuracies) -> pd.DataFrame:
    """A row per task, in the library's order; accuracies are empty where no run measured them."""
    unmeasured = (None, None, "")
    return pd.DataFrame(
        {
            "id": task.id,
            **_shown(library, task),
            "classes": len(task.classes),
            "zero_shot": accuracies.get(task.id, unmeasured)[0],
            "individual": accuracies.get(task.id, unmeasured)[1],
            "train_source": task.train_source,
            "test_source": task.test_source,
            "licence": task.licence,
        }
        for task in library.tasks
    )


def _shown(library: Library, task: TaskInfo) -> dict[str, Any]:
    """What a task is called, and what it looks like: a strip of its images, or its prompt and one of its texts."""
    there = "calibration" in task.files
    if not library.of_texts:
        return {"images": calibration_strip(str(library.root), task.id) if there else None, "task": task.name}
    sample = calibration_samples(str(library.root), library.manifest_hash, task.id)[:1] if there else []
    texts = [" · ".join(" ".join(text.split()) for text in each.texts.values()) for each in sample]
    example = [f"{each.answer}: {text}" for text, each in zip(texts, sample, strict=True)]
    return {
        "task": task.name,
        "prompt": task.prompt,
        "example": shortened(example[0], LONGEST_EXAMPLE) if example else None,
    }


def checkpoint_table(library: Library, geometry: Geometry | None) -> pd.DataFrame:
    """A row per weights file, the pre-trained model's first: types and sizes as stored, hashes as recorded."""
    relative = dict(zip(geometry.tasks, geometry.relative, strict=True)) if geometry else {}
    base = library.manifest.backbone.weights
    rows = [_own_file(library, "Pre-trained model", base, None)] if base else []
    for task in library.tasks:
        length = relative.get(task.id)
        if task.checkpoint:
            weights = [name for name in task.checkpoint.files if not name.endswith(".json")]
            rows += [_checkpoint_file(library, task, task.checkpoint, name, length) for name in weights]
        elif task.task_vector:
            rows.append(_own_file(library, task.name, task.task_vector, length))
    return pd.DataFrame(rows, columns=FILE_COLUMNS)


def _own_file(library: Library, model: str, name: str, length: float | None) -> dict[str, Any]:
    """The row of a file in this program's own layout."""
    header = read_header(library.vouched.located(name))
    types = ", ".join(sorted({kind for kind, _ in header.values()}))
    about = {"format": Path(name).suffix.removeprefix("."), "dtype": types, "parameters": parameters(header)}
    return _file(library, model, name, name, length) | about


def _checkpoint_file(
    library: Library, task: TaskInfo, checkpoint: CheckpointEntry, name: str, length: float | None
) -> dict[str, Any]:
    """The row of a file of another layout, by what was found in it when it was added."""
    at = library.manifest.files[name].at if name in library.manifest.files else None
    about = {"format": family_text(checkpoint.family), "dtype": checkpoint.precision, "parameters": None}
    return _file(library, task.name, name, at or name, length) | about


def _file(library: Library, model: str, name: str, shown_as: str, length: float | None) -> dict[str, Any]:
    path = library.vouched.located(name)
    return {
        "model": model,
        "file": shown_as,
        "size": path.stat().st_size / 1e6,
        "norm": None if length is None else 100 * length,
        "sha256": library.manifest.files[name].sha256,
    }


def model_text(library: Library, task: TaskInfo) -> str | None:
    """The format of a task's model, its precision, and where it lies if that is elsewhere; None where it has none."""
    if task.checkpoint:
        where = [] if Path(task.checkpoint.path).is_relative_to(library.root) else [task.checkpoint.path]
        return ", ".join(filter(None, [family_text(task.checkpoint.family), task.checkpoint.precision, *where]))
    if task.task_vector is None:
        return None
    header = read_header(library.vouched.located(task.task_vector))
    return f"task vector, {precision(header)}"


def family_text(family: str) -> str:
    """The family of a checkpoint, as a page calls it."""
    return FAMILIES.get(family.replace("_", " "), family)


@st.cache_data(max_entries=64, show_spinner=False)
def split_sizes(root: str, manifest: str, task: str) -> dict[str, int]:
    """Examples of every split that the task has, from the tables' footers; verified files only."""
    library = open_library(root)
    files = library.task(task).files
    return {title: library.count(task, split) for split, title in SPLITS.items() if split in files}


def cosine_frame(geometry: Geometry, names: Sequence[str]) -> pd.DataFrame:
    """The cosine matrix as a table, a row per pair of different tasks."""
    pairs = [(names[i], names[j], geometry.cosines[i][j]) for i in range(len(names)) for j in range(i + 1, len(names))]
    return pd.DataFrame(pairs, columns=["task", "other_task", "cosine"])


def lengths_frame(geometry: Geometry, names: Sequence[str]) -> pd.DataFrame:
    """A row per task: the norm of its task vector, that of the pre-trained model, and their ratio."""
    return pd.DataFrame(
        {"task": names, "norm": geometry.norms, "base_norm": geometry.base_norm, "relative": geometry.relative}
    )
