"""A library looked over before it is merged: files, keys, norms, cosines, and accuracies beside what was published."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.library.geometry import concerns, geometry
from otmf_core.library.importers.open_clip import architecture
from otmf_core.library.importers.task_vector import TaskVector
from otmf_core.library.known_tasks import BACKBONES, Backbone, known_task
from otmf_core.library.library import Library
from otmf_core.library.making.reporting import Report, silent
from otmf_core.library.texts import read_prompts

if TYPE_CHECKING:
    from otmf_core.models.base import Tower

DOUBT = 3.0  # standard errors of a measured accuracy, beyond which it is not what was published
TABLES_DIFFER = 1.5  # points by which published tables of the same model differ themselves


@dataclass(frozen=True)
class TaskCheck:
    """What is known of a task; None where trouble kept it from being known. Accuracies in percent on `images`."""

    task: str
    name: str
    format: str
    precision: str
    norm: float | None = None  # ‖Δᵗ‖ / ‖θ⁰‖
    cosine: float | None = None  # mean over the other tasks
    images: int = 0
    zero_shot: float | None = None
    individual: float | None = None
    published_zero_shot: float | None = None
    published_individual: float | None = None
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """A library's tasks as they were found, and what is to be said of all of them together."""

    architecture: str
    tasks: tuple[TaskCheck, ...]
    concerns: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether there is no trouble with any task."""
        return not any(task.trouble for task in self.tasks)


def check_library(library: Library, images: int = 200, report: Report = silent) -> Checked:
    """Check every file by its hash and every task by its headers, its values and `images` of its test images (0: none).

    Raises InputError where the pre-trained model itself cannot be read; what is wrong with a task is its trouble.
    """
    import torch

    header = library.tower_header
    if library.of_texts:
        backbone = f"T5, d = {library.t5.d_model}"
    else:
        backbone = architecture({f"visual.{name}": entry for name, entry in header.items()})
    tower = library.tower(torch.device("cpu"))
    published = _published(backbone)
    tasks = []
    for number, task in enumerate(library.tasks):
        report(f"Checking {task.name}", number / len(library.tasks))
        tasks.append(_check_task(library, task.id, tower, images, published))
    read = [task.task for task in tasks if task.zero_shot is not None or not task.trouble]
    lengths = geometry(library, read) if read else None
    if lengths is not None:
        places = {task: index for index, task in enumerate(read)}
        tasks = [_measured(task, lengths.relative, lengths.cosines, places) for task in tasks]
    report("Done", 1.0)
    names = {task.id: task.name for task in library.tasks}
    said = concerns(lengths, names) if lengths is not None and len(read) > 1 else []
    return Checked(backbone, tuple(tasks), tuple(said))


def _check_task(library: Library, task: str, tower: Tower, images: int, published: Backbone | None) -> TaskCheck:
    info, known = library.task(task), known_task(task)
    found: dict[str, Any] = {"task": task, "name": info.name, "format": "", "precision": ""}
    try:
        expert = library.expert(task)
        form = "task vector" if isinstance(expert, TaskVector) else expert.family.replace("_", " ")
        found |= {"format": form, "precision": expert.precision}
        library.check_task(task, ("calibration", "test"))
        if library.of_texts:
            read_prompts(library.file(task, "calibration"), info)  # fast to read, and a merge begins with the test
        delta = library.task_vector(task)
        if not images:
            return TaskCheck(**found)
        zero_shot, individual, count = _accuracies(library, task, tower, delta, images)
    except InputError as error:
        return TaskCheck(**found, trouble=(str(error),))
    expected = (known.zero_shot.get(published), known.expert.get(published)) if known and published else (None, None)
    trouble = [
        f"{name} accuracy is {value:.1f}% on {count} images, published are {of:.1f}%: look at its classes, head, "
        "activation and splits"
        for name, value, of in zip(("zero-shot", "individual"), (zero_shot, individual), expected, strict=True)
        if of is not None and abs(value - of) > DOUBT * 100 * sqrt(of * (100 - of) / 1e4 / count) + TABLES_DIFFER
    ]
    figures: dict[str, Any] = {"zero_shot": zero_shot, "individual": individual, "images": count}
    figures |= {"published_zero_shot": expected[0], "published_individual": expected[1]}
    return TaskCheck(**found, **figures, trouble=tuple(trouble))


def _accuracies(library: Library, task: str, tower: Tower, delta: dict, images: int) -> tuple[float, float, int]:
    import torch

    examples, head = library.examples(task, "test"), library.head(task)
    chosen = random.Random(0).sample(range(len(examples)), min(images, len(examples)))  # tables may go class by class
    rows = torch.tensor(sorted(chosen))
    inputs, labels = examples.inputs[rows], examples.labels[rows]
    figures = []
    for each in (None, {name: tensor.float() for name, tensor in delta.items()}):
        tower.load(each)
        figures.append(head.measured(tower.answers(inputs, head, task), labels))
    return figures[0], figures[1], len(labels)


def _published(architecture: str) -> Backbone | None:
    name = architecture.replace("/", "-")
    return next((backbone for backbone in BACKBONES if backbone == name), None)


def _measured(
    task: TaskCheck, relative: Sequence[float], cosines: Sequence[Sequence[float]], places: dict[str, int]
) -> TaskCheck:
    if task.task not in places:
        return task
    own = places[task.task]
    others = [cosines[own][other] for other in places.values() if other != own]
    return replace(task, norm=relative[own], cosine=sum(others) / len(others) if others else None)
