"""A library: one pre-trained model, its tasks (task vector, head, examples), and the manifest that vouches for them.

Reading the manifest imports no torch; weights and images are read, and their hashes checked, when asked for. What a
merge can know without reading them whole (keys, shapes, types, sizes, labels) is checked from headers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.library import examples, texts
from otmf_core.library.examples import Examples, Split
from otmf_core.library.experts import nonzero, open_expert, vector_names
from otmf_core.library.heads import answers_head, read_head
from otmf_core.library.images import Images
from otmf_core.library.importers.base import Expert
from otmf_core.library.labels import check_labels, count, labels_of
from otmf_core.library.manifest import Manifest, TaskInfo, read_manifest
from otmf_core.library.preparation import preparation
from otmf_core.library.vouched import VouchedFiles, text_hash
from otmf_core.models.checkpoints import TOWER, Header, tower_header
from otmf_core.models.clip_config import check_config
from otmf_core.models.stored import read_tower
from otmf_core.models.t5_config import T5Fields, t5_fields

if TYPE_CHECKING:
    import torch

    from otmf_core.models.base import Tower
    from otmf_core.models.heads import Head
    from otmf_core.models.t5 import Features, Precision
    from otmf_core.models.task_vector import StateDict
    from otmf_core.models.verbalizers import Scoring

ASSETS = Path(__file__).resolve().parents[2] / "assets"


@dataclass(frozen=True)
class Library:
    """A folder with one pre-trained model and its tasks."""

    root: Path
    manifest: Manifest = field(repr=False)

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        return self.manifest.tasks

    @property
    def suites(self) -> dict[str, list[str]]:
        """Suite name → its task ids, in canonical order."""
        return {suite: list(tasks) for suite, tasks in self.manifest.suites.items()}

    def task(self, task_id: str) -> TaskInfo:
        for task in self.tasks:
            if task.id == task_id:
                return task
        tasks = ", ".join(task.id for task in self.tasks)
        raise InputError(f"a task is one of {self.name}'s ({tasks}), received {task_id!r}")

    @property
    def of_texts(self) -> bool:
        """Whether its pre-trained model is a T5, whose examples are texts; else a CLIP, whose examples are images."""
        return self.manifest.backbone.kind == "t5"

    @property
    def noun(self) -> str:
        """What its examples are called."""
        return "texts" if self.of_texts else "images"

    @property
    def prefix(self) -> str:
        """What the names of the tensors that a merge changes begin with in the pre-trained model's file."""
        return "" if self.of_texts else TOWER

    @cached_property
    def backbone_config(self) -> dict[str, Any]:
        path = self.backbone("config")
        fields = read_object(path)
        if self.of_texts:
            t5_fields(fields, str(path))
        else:
            check_config(fields, str(path))
        return fields

    @property
    def t5(self) -> T5Fields:
        """The fields of the pre-trained T5 of a library of texts."""
        return t5_fields(self.backbone_config, self.backbone_file("config"))

    @cached_property
    def tokenizer(self) -> texts.Tokenizer:
        """The tokenizer of a library of texts; raises InputError as `open_tokenizer` does."""
        return texts.open_tokenizer(self.backbone("tokenizer"), self.t5)

    @property
    def manifest_hash(self) -> str:
        """SHA-256 of the manifest, which holds the hash of every other file: what a run names its library by.

        The same whatever line ends a checkout gave it.
        """
        return text_hash(self.root / "manifest.json")

    @cached_property
    def vouched(self) -> VouchedFiles:
        """Its files, by the names that the manifest gives them."""
        return VouchedFiles(self.root, self.manifest.files)

    def path(self, name: str) -> Path:
        """The verified path of a file of the library; raises InputError when it is missing or its hash differs."""
        return self.vouched.path(name)

    @cached_property
    def tower_header(self) -> Header:
        """Type and shape of every tensor that a merge changes, from the header of the pre-trained model."""
        return tower_header(self.vouched.located(self.backbone_file("weights")), self.prefix)

    def base(self) -> Mapping[str, torch.Tensor]:
        """θ⁰: the floating-point tensors that a merge changes, an image tower's or a T5's, in float32."""
        return read_tower(self.backbone("weights"), self.prefix)

    def tower(self, device: torch.device, features: Features = "decoder", precision: Precision = "float32") -> Tower:
        """The network at θ⁰ on a device; raises InputError when the weights do not fit the configuration.

        `features` and `precision` are a T5's: what is compared of a text, and what products are computed in.
        """
        where = f"the backbone of {self.name}"
        if self.of_texts:
            from otmf_core.models.t5 import t5_tower

            return t5_tower(self.t5, self.base(), device, where, features, precision)
        from otmf_core.models.clip import clip_tower

        return clip_tower(self.backbone_config, self.base(), device, where)

    def check_task(self, task_id: str, splits: Sequence[Split]) -> None:
        """Raise InputError where headers, labels or the head show that a merge cannot read a task; reads no vector."""
        self.expert(task_id, verified=False).check(self.tower_header)
        self.head(task_id)
        for split in splits:
            path = self._file(task_id, split)
            self._labels(task_id, split, path)
            if self.of_texts:
                texts.check_first(path, self.task(task_id))
            else:
                examples.check_first(path)

    def expert(self, task_id: str, verified: bool = True) -> Expert:
        """The fine-tuned model of a task, opened by its headers; raises InputError on a file that has changed."""
        return open_expert(self.vouched, self.task(task_id), verified)

    def vector_files(self, task_id: str) -> list[Path]:
        """The files that a task's vector is read from; raises InputError where one is missing or of another size."""
        return [self.vouched.located(name) for name in vector_names(self.vouched, self.task(task_id))]

    def task_vector(self, task_id: str) -> StateDict:
        """Δᵗ = θᵗ − θ⁰ over the floating-point keys, in the stored precision; checked against θ⁰."""
        expert = self.expert(task_id)
        expert.check(self.tower_header)
        return nonzero(expert.task_vector(self.base()), self.task(task_id), expert)

    def head(self, task_id: str, scoring: Scoring = "likelihood") -> Head:
        """The zero-shot head of a task: (classes, d) rows of unit norm, and the logit scale.

        Of a task of texts its answers, scored as asked, and the pre-trained lm_head's rows for their first tokens.
        """
        task = self.task(task_id)
        if self.of_texts:
            return answers_head(self.backbone("weights"), texts.verbalizers(task, self.tokenizer, scoring))
        return read_head(self.file(task_id, "head"), len(task.classes), self.backbone_config["model_cfg"]["embed_dim"])

    def count(self, task_id: str, split: Split) -> int:
        """The number of examples of a split, from its table's footer."""
        return count(self._file(task_id, split))

    def examples(self, task_id: str, split: Split, first: int | None = None) -> Examples:
        """The examples of a split, or its `first` ones (from 1).

        Calibration images and small splits come decoded; those of others are decoded when they are read. Raises
        InputError when the split is empty, damaged, has a label out of range or (test aside) a single class, and
        on a damaged picture or an empty text.
        """
        import torch

        path = self.file(task_id, split)
        labels = self._labels(task_id, split, path)[:first]
        if self.of_texts:
            prompts = texts.read_prompts(path, self.task(task_id), first)
            return Examples(self.tokenizer.tokens(prompts, str(path))[0], torch.tensor(labels))
        images = Images(path, range(len(labels)), preparation(self.backbone_config))
        return Examples(examples.kept(images, always=split == "calibration"), torch.tensor(labels))

    def _labels(self, task_id: str, split: Split, path: Path) -> Sequence[float]:
        task = self.task(task_id)
        labels = labels_of(path, task)
        check_labels(labels, task, split, path)
        return labels

    def backbone(self, part: str) -> Path:
        """The verified path of the pre-trained model's config, weights or tokenizer; raises InputError without one."""
        return self.path(self.backbone_file(part))

    def backbone_file(self, part: str) -> str:
        """The name in the manifest of the pre-trained model's config or weights; raises InputError without one."""
        name = getattr(self.manifest.backbone, part)
        if name is None:
            raise InputError(f"a backbone has a config and weights: {part} is missing in {self.root / 'manifest.json'}")
        return name

    def file(self, task_id: str, part: str) -> Path:
        """The verified path of a task's task_vector, head or split; raises InputError where there is none."""
        return self.path(self.vouched.part(self.task(task_id), part))

    def _file(self, task_id: str, part: str) -> Path:
        return self.vouched.located(self.vouched.part(self.task(task_id), part))


def open_library(name: str) -> Library:
    """The installed library of that name, or the one in that folder; reads the manifest only."""
    installed = bool(name) and name == Path(name).name and os.path.isdir(ASSETS / name)
    root = ASSETS / name if installed else Path(name)
    if not os.path.isfile(root / "manifest.json"):
        names = ", ".join(library.id for library in list_libraries())
        if not names:
            raise InputError(
                "no library is installed: the project's repository has one in assets/minizoo, and --library takes the "
                f"path of that folder or of any other library, received {shown(name)}"
            )
        raise InputError(f"a library is installed ({names}) or a folder with a manifest.json, received {shown(name)}")
    return Library(root, read_manifest(root / "manifest.json"))


def list_libraries() -> list[Library]:
    """The libraries that came with the project, those of images before those of texts."""
    libraries = [open_library(path.parent.name) for path in sorted(ASSETS.glob("*/manifest.json"))]
    return sorted(libraries, key=lambda library: library.of_texts)
