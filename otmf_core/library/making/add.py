"""A task added to a library: its fine-tuned model, the pictures or texts of its splits, its head."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otmf_core.cache import remembered_sha256
from otmf_core.errors import InputError
from otmf_core.files import shown, write_tensors
from otmf_core.library.examples import Split
from otmf_core.library.importers.base import Expert
from otmf_core.library.importers.datasets import Dataset, open_dataset
from otmf_core.library.importers.opening import open_checkpoint
from otmf_core.library.known_tasks import known_task
from otmf_core.library.known_texts import known_text
from otmf_core.library.labels import check_labels
from otmf_core.library.library import Library, open_library
from otmf_core.library.making import add_texts
from otmf_core.library.making.classes import classes_of
from otmf_core.library.making.contents import Contents, Written
from otmf_core.library.making.folder import described, include
from otmf_core.library.making.head import add_head
from otmf_core.library.making.likeness import check_likeness
from otmf_core.library.making.reporting import Report, silent
from otmf_core.library.making.splits import Drawn, Sizes, draw
from otmf_core.library.making.tables import LeftOut, write_split
from otmf_core.library.manifest import CheckpointEntry, TaskInfo
from otmf_core.library.preparation import preparation

if TYPE_CHECKING:
    from otmf_core.models.task_vector import StateDict


OF_TEXTS = ("t5", "lora")  # families of experts


@dataclass(frozen=True)
class NewTask:
    """A task to be added: a name (a known one brings its classes and templates, or its prompt), and where it lies.

    `copy` puts a task vector and all pictures into the library; without it they are referred to where that can be.
    Texts are always copied. `transductive` draws calibration examples from the test split, which every result then
    says. Of a task of texts `classes` are the answers by label.
    """

    name: str
    checkpoint: Path
    data: Path
    config: str | None = None  # of a data set that has several
    head: Path | None = None  # else made by the text tower
    classes: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    prompt: str = ""  # of a task of texts, with columns of its data set in braces
    metric: Literal["accuracy", "spearman"] | None = None
    licence: str = ""
    source: str | None = None  # the hub's name of the fine-tuned model
    copy: bool = False
    transductive: bool = False
    sizes: Sizes = field(default_factory=Sizes)
    seed: int = 0


@dataclass(frozen=True)
class Added:
    """What was added, and what its owner should know of it, a sentence each."""

    task: str
    family: str
    precision: str
    relative_norm: float  # ‖Δᵗ‖ / ‖θ⁰‖
    images: dict[Split, int]
    notes: tuple[str, ...]


def add_task(root: Path, new: NewTask, report: Report = silent) -> Added:
    """Add a task to the library in folder `root`; everything is checked, and a refused one leaves nothing.

    Raises InputError, naming the key, file or picture: a checkpoint of another architecture or another pre-trained
    model, without a difference or with values that are not finite; a data set that cannot be read; another head's.
    """
    library = open_library(str(root))
    known = known_text(new.name) if library.of_texts else known_task(new.name)
    identity = known.id if known else _identity(new.name)
    if any(task.id == identity for task in library.tasks):
        raise InputError(f"a library has a task once: {identity} is in {library.name}")
    report("Reading the fine-tuned model", 0.0)
    expert = open_checkpoint(new.checkpoint)
    if library.of_texts and expert.family not in OF_TEXTS:
        raise InputError(f"experts of texts are T5s or adapters of one: received {expert.family} in {expert.files[0]}")
    expert.check(library.tower_header)
    _check_new(library, expert)
    base = library.base()
    delta = expert.task_vector(base)
    relative, notes = check_likeness(library, expert, base, delta)
    contents = (
        add_texts.contents(root, library, new, expert) if library.of_texts else _contents(root, library, new, report)
    )
    folder = root / "tasks" / identity
    if folder.exists():
        shutil.rmtree(folder)  # what a process that was killed left: no task of the manifest is of this id
    try:
        files = _vector_files(identity, expert, delta if new.copy else None, root)
        del base, delta
        task = _task(identity, known.name if known else new.name, contents, new, expert, tuple(files))
        written = contents.write(task)
        files |= written.files
        files |= {f"tasks/{identity}/{split}.parquet": folder / f"{split}.parquet" for split in written.counts}
        parts = {split: f"tasks/{identity}/{split}.parquet" for split in written.counts}
        task = task.model_copy(update={**parts, "left_out": written.left_out})
        include(root, task, files)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    report("Done", 1.0)
    notes += [note for note in (contents.note, task.left_out) if note]
    return Added(identity, expert.family, expert.precision, relative, written.counts, tuple(notes))


def _identity(name: str) -> str:
    """The id of a task by its name: what a folder can be called on any disk."""
    identity = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:60]
    if not identity:
        raise InputError(f"a task's name has letters or digits, received {shown(name)}")
    return identity


def _check_new(library: Library, expert: Expert) -> None:
    """Raise InputError when another task has this very file."""
    digest, size = remembered_sha256(expert.files[0]), expert.files[0].stat().st_size
    for task in library.tasks:
        for name in task.checkpoint.files[:1] if task.checkpoint else (task.task_vector,):
            entry = library.manifest.files.get(name or "")
            if entry is not None and entry.sha256 == digest and entry.bytes == size:
                raise InputError(f"two tasks have models of their own: {expert.files[0]} is the one of {task.name}")


def _vector_files(identity: str, expert: Expert, delta: StateDict | None, root: Path) -> dict[str, Path]:
    """The files that the task's vector is read from, by name: those of its checkpoint or, copied, its own."""
    if delta is not None:
        name = f"tasks/{identity}/task_vector.safetensors"
        write_tensors(root / name, {key: tensor.contiguous() for key, tensor in delta.items()})
        return {name: root / name}
    numbered = enumerate(expert.files)
    return {f"tasks/{identity}/checkpoint/{number:02d}-{file.name}": file for number, file in numbered}


def _task(
    identity: str, name: str, contents: Contents, new: NewTask, expert: Expert, files: tuple[str, ...]
) -> TaskInfo:
    """A task's entry without its splits; its vector is in `files`, by name."""
    entry = None
    if not new.copy:
        entry = CheckpointEntry(
            path=str(new.checkpoint.absolute()), files=files, family=expert.family, precision=expert.precision
        )
    return described(
        TaskInfo,
        id=identity,
        name=name,
        train_source=contents.drawn.train_source,
        test_source=contents.drawn.test_source,
        licence=new.licence,
        source=new.source,
        calibration_split="test" if new.transductive else "train",
        checkpoint=entry,
        task_vector=files[0] if new.copy else None,
        **contents.fields(identity),
    )


def _contents(root: Path, library: Library, new: NewTask, report: Report) -> Contents:
    """What a new task of pictures is made of; raises InputError on a prompt or a metric, which are of texts."""
    if new.prompt or new.metric:
        raise InputError("a task of images has classes and templates: a prompt and a metric are of texts")
    dataset = open_dataset(new.data, new.config)
    classes = classes_of(known_task(new.name), dataset.classes, new.classes, new.templates, str(new.data))
    drawn = draw(dataset, new.sizes, new.seed, new.transductive)

    def fields(identity: str) -> dict[str, Any]:
        head = f"tasks/{identity}/head.safetensors"
        return {"classes": classes.names, "templates": classes.templates, "head": head}

    def write(task: TaskInfo) -> Written:
        files = add_head(root, library, task, new.head, report)
        images, left_out = _write_splits(root, library, task, dataset, drawn, new.copy, report)
        return Written(images, left_out.sentence(sum(len(pictures) for pictures in drawn.splits.values())), files)

    return Contents(drawn, classes.note, fields, write)


def _write_splits(
    root: Path, library: Library, task: TaskInfo, dataset: Dataset, drawn: Drawn, copy: bool, report: Report
) -> tuple[dict[Split, int], LeftOut]:
    """Write the tables of the splits that have pictures: how many each got, and those that were left out."""
    left_out, images = LeftOut(), {}
    how = preparation(library.backbone_config)
    total, before = sum(len(pictures) for pictures in drawn.splits.values()), 0
    for split, pictures in drawn.splits.items():
        if not pictures:
            continue

        def heard(done: int, before: int = before) -> None:
            report(f"Reading pictures, {before + done:,} of {total:,}", (before + done) / total)

        path = root / "tasks" / task.id / f"{split}.parquet"
        labels = write_split(path, pictures, how, copy, left_out, heard)
        check_labels(labels, task, split, dataset.where)
        images[split] = len(labels)
        before += len(pictures)
    return images, left_out
