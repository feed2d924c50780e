"""A public suite of the field, fetched and made a library of: a pre-trained CLIP and 8, 14 or 20 tasks, or a T5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.known_tasks import BACKBONES, SUITES, Backbone, KnownTask, suite
from otmf_core.library.known_texts import ADAPTED, TEXT_BACKBONES, KnownText, TextBackbone, known_texts
from otmf_core.library.library import Library, open_library
from otmf_core.library.making.add import NewTask, add_task
from otmf_core.library.making.folder import MANIFEST
from otmf_core.library.making.hub import Repository, fetched, free_bytes, needed
from otmf_core.library.making.new import new_library
from otmf_core.library.making.reporting import Report, silent
from otmf_core.library.making.splits import Sizes

SPARE = 2 << 30  # bytes that are left free on the disk
SETTINGS = ("*.json", "spiece.model")  # small files beside the weights
WEIGHTS = ("model.safetensors", "adapter_model.safetensors")
Known = KnownTask | KnownText


@dataclass(frozen=True)
class Suite:
    """What is asked for: a backbone, how many tasks, and how their splits are drawn; of texts, whether as LoRA."""

    backbone: Backbone | TextBackbone = "ViT-B-32"
    tasks: int = 8
    sizes: Sizes = field(default_factory=Sizes)
    seed: int = 0
    transductive: bool = False
    lora: bool = False

    @property
    def repository(self) -> str:
        """That of the pre-trained model."""
        return {**BACKBONES, **TEXT_BACKBONES}[self.backbone]

    @property
    def known(self) -> tuple[Known, ...]:
        """Its tasks; raises InputError on a number of tasks or a form of models that was never published."""
        if self.backbone in TEXT_BACKBONES:
            if self.tasks != len(known_texts()):
                raise InputError(f"GLUE's suite has {len(known_texts())} tasks, received {shown(self.tasks)}")
            if self.backbone == ADAPTED and not self.lora:
                raise InputError(f"{ADAPTED} was fine-tuned as LoRA alone: ask for --lora")
            return known_texts()
        if self.lora:
            raise InputError(f"LoRA adapters are fetched for {' or '.join(TEXT_BACKBONES)}, received {self.backbone}")
        if self.tasks not in SUITES:
            raise InputError(f"a suite has {', '.join(map(str, SUITES))} tasks, received {shown(self.tasks)}")
        return suite(self.tasks)

    def expert(self, task: Known) -> str:
        """The repository of a task's fine-tuned model."""
        if isinstance(task, KnownText):
            return task.expert_repository(self.repository, self.lora)
        return task.expert_repository(cast(Backbone, self.backbone))


@dataclass(frozen=True)
class Plan:
    """What a suite takes, before anything is fetched: bytes in the cache, bytes missing, bytes free on its disk."""

    cached_bytes: int
    missing_bytes: int
    free_bytes: int

    @property
    def sentence(self) -> str:
        """All of it, in gigabytes."""
        cached, missing, free = (
            f"{size / 1e9:.1f} GB" for size in (self.cached_bytes, self.missing_bytes, self.free_bytes)
        )
        return f"{missing} to fetch, {cached} in the hub's cache; {free} are free on its disk"


def plan(root: Path, wanted: Suite, report: Report = silent) -> Plan:
    """The sizes of what is to be fetched for the library `root`; raises InputError when the disk has no room for it."""
    repositories = _repositories(wanted, _left(root, wanted), root)
    cached = missing = 0
    for number, repository in enumerate(repositories):
        report("Asking the hub for sizes", number / len(repositories))
        need = needed(repository)
        cached, missing = cached + need.cached, missing + need.missing
    planned = Plan(cached, missing, free_bytes())
    if planned.missing_bytes and planned.free_bytes < planned.missing_bytes + SPARE:
        raise InputError(f"a disk has room for what is fetched and {SPARE >> 30} GiB more: {planned.sentence}")
    return planned


def pull(root: Path, wanted: Suite, report: Report = silent) -> Library:
    """Fetch a suite and make the library `root` of it, or go on with one that was begun; tasks it has are left alone.

    Weights and pictures stay in the hub's cache, and the library refers to them. Raises InputError when something
    cannot be had, after everything that could be was added.
    """
    backbone = wanted.repository
    if not (root / MANIFEST).is_file():
        folder = fetched(_model(backbone), report)
        new_library(root, folder, name=f"{wanted.backbone}, {wanted.tasks} tasks", base_model=backbone, report=report)
    missing: list[str] = []
    for task in _left(root, wanted):
        expert, data = wanted.expert(task), _dataset(task)
        try:
            new = NewTask(
                name=task.id,
                checkpoint=fetched(_model(expert), report),
                data=fetched(data, report),
                config=task.config,
                source=expert,
                transductive=wanted.transductive,
                sizes=wanted.sizes,
                seed=wanted.seed,
            )
            add_task(root, new, report)
        except InputError as error:
            missing.append(f"{task.id}: {error}")
    if missing:
        raise InputError(
            f"a suite is whole: {len(missing)} of its {wanted.tasks} tasks are missing in {root} ({missing[0]})"
        )
    return open_library(str(root))


def _left(root: Path, wanted: Suite) -> list[Known]:
    """The tasks that the library has not yet."""
    has = {task.id for task in open_library(str(root)).tasks} if (root / MANIFEST).is_file() else set()
    return [task for task in wanted.known if task.id not in has]


def _repositories(wanted: Suite, tasks: Sequence[Known], root: Path) -> list[Repository]:
    begun = (root / MANIFEST).is_file()
    models = [] if begun else [wanted.repository]
    models += [wanted.expert(task) for task in tasks]
    return [*map(_model, models), *map(_dataset, tasks)]


def _model(name: str) -> Repository:
    return Repository(name, "model", (*WEIGHTS, *SETTINGS))


def _dataset(task: Known) -> Repository:
    """The splits of a task's data set and its card: not its other configurations, nor its corrupted copies."""
    folder = f"{task.config}/" if task.config else ""
    splits = [f"{folder}*{name}*" for name in (task.train_split, task.test_split)]
    return Repository(task.data, "dataset", ("README.md", "*classnames.txt", *splits))
