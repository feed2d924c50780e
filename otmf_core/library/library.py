"""A library: one pre-trained model, its tasks (task vector, head, examples), and the manifest that vouches for them.

Reading the manifest imports no torch; weights and images are read, and their hashes checked, when asked for. What a
merge can know without reading them whole (keys, shapes, types, sizes, labels) is checked from headers.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import inside, read_object, shown
from otmf_core.library import examples, texts
from otmf_core.library.examples import Examples, Split
from otmf_core.library.images import Images
from otmf_core.library.importers.base import Expert
from otmf_core.library.importers.opening import open_checkpoint
from otmf_core.library.importers.task_vector import TaskVector
from otmf_core.library.manifest import Manifest, TaskInfo, read_manifest
from otmf_core.library.preparation import preparation
from otmf_core.library.vouched import VouchedFiles, text_hash
from otmf_core.models.checkpoints import (
    TOWER,
    Header,
    check_finite,
    check_floating,
    read_header,
    read_tensors,
    tower_header,
)
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
KEPT_BYTES = 8 << 20  # of a split's images, decoded: more are decoded whenever they are read
MAX_SCALE = 1000.0  # of logits; CLIP's own is at most 100
NORM_TOLERANCE = 0.01  # of the rows of a head, which have length one


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
            self._check_labels(task_id, split, path)
            if self.of_texts:
                texts.check_first(path, self.task(task_id))
            else:
                examples.check_first(path)

    def expert(self, task_id: str, verified: bool = True) -> Expert:
        """The fine-tuned model of a task, opened by its headers; raises InputError on a file that has changed."""
        task = self.task(task_id)
        if task.checkpoint is None:
            name = self._name(task_id, "task_vector")
            return TaskVector(self.path(name) if verified else self.vouched.located(name))
        vouched = [self.path(name) if verified else self.vouched.located(name) for name in task.checkpoint.files]
        place = Path(task.checkpoint.path)
        place = place if place.is_absolute() else inside(self.root, task.checkpoint.path)
        if not place.exists():
            raise InputError(f"the library is incomplete: {place} is missing")
        self._check_vouched(place, [*vouched, *(path.parent for path in vouched)])  # before it is opened
        expert = open_checkpoint(place)
        for file in expert.files:
            self._check_vouched(file, vouched)
        return expert

    def _check_vouched(self, file: Path, vouched: Sequence[Path]) -> None:
        if not any(file.samefile(path) for path in vouched):
            raise InputError(f"every file of a library stands in its manifest: {file} does not, in {self.root}")

    def vector_files(self, task_id: str) -> list[Path]:
        """The files that a task's vector is read from; raises InputError where one is missing or of another size."""
        entry = self.task(task_id).checkpoint
        names = entry.files if entry else (self._name(task_id, "task_vector"),)
        return [self.vouched.located(name) for name in names]

    def task_vector(self, task_id: str) -> StateDict:
        """Δᵗ = θᵗ − θ⁰ over the floating-point keys, in the stored precision; checked against θ⁰."""
        expert = self.expert(task_id)
        expert.check(self.tower_header)
        delta = expert.task_vector(self.base())
        if not any(tensor.any() for tensor in delta.values()):
            raise InputError(
                f"a task vector differs from zero: {self.task(task_id).name} does not differ from the pre-trained "
                f"model, in {expert.files[0]}"
            )
        return delta

    def head(self, task_id: str, scoring: Scoring = "likelihood") -> Head:
        """The zero-shot head of a task: (classes, d) rows of unit norm, and the logit scale.

        Of a task of texts its answers, scored as asked, and the pre-trained lm_head's rows for their first tokens.
        """
        from otmf_core.models.heads import Head

        task = self.task(task_id)
        if self.of_texts:
            from otmf_core.models.t5 import output_rows

            answers = texts.verbalizers(task, self.tokenizer, scoring)
            return Head(output_rows(read_tensors(self.backbone("weights")), answers.first), 1.0, answers)
        path = self.file(task_id, "head")
        check_floating(read_header(path), str(path))
        tensors = read_tensors(path)
        check_finite(tensors, str(path))
        missing = {"weight", "logit_scale"} - tensors.keys()
        if missing:
            raise InputError(f"a head has a weight and a logit_scale: {missing.pop()} is missing in {path}")
        weight = tensors["weight"].float()
        expected = (len(task.classes), self.backbone_config["model_cfg"]["embed_dim"])
        if weight.shape != expected:
            raise InputError(f"a head is (classes, features): {tuple(weight.shape)}, expected {expected}, in {path}")
        lengths = weight.norm(dim=-1)
        row = int((lengths - 1).abs().argmax())
        if abs(float(lengths[row]) - 1) > NORM_TOLERANCE:
            raise InputError(f"the rows of a head have length one: row {row} has {float(lengths[row]):.3g} in {path}")
        scale = tensors["logit_scale"]
        if scale.numel() != 1 or not 0 < float(scale) <= MAX_SCALE:
            received = f"{float(scale):g}" if scale.numel() == 1 else f"{scale.numel()} values"
            raise InputError(
                f"a logit_scale is one number above 0, at most {MAX_SCALE:g}: received {received} in {path}"
            )
        return Head(weight, float(scale))

    def count(self, task_id: str, split: Split) -> int:
        """The number of examples of a split, from its table's footer."""
        return examples.count(self._file(task_id, split))

    def examples(self, task_id: str, split: Split, first: int | None = None) -> Examples:
        """The examples of a split, or its `first` ones (from 1).

        Calibration images and small splits come decoded; those of others are decoded when they are read. Raises
        InputError when the split is empty, damaged, has a label out of range or (test aside) a single class, and
        on a damaged picture or an empty text.
        """
        import torch

        path = self.file(task_id, split)
        labels = self._check_labels(task_id, split, path)[:first]
        if self.of_texts:
            prompts = texts.read_prompts(path, self.task(task_id), first)
            return Examples(self.tokenizer.tokens(prompts, str(path))[0], torch.tensor(labels))
        images = Images(path, range(len(labels)), preparation(self.backbone_config))
        kept = split == "calibration" or examples.decoded_bytes(images) <= KEPT_BYTES
        return Examples(examples.read_images(images) if kept else images, torch.tensor(labels))

    def _check_labels(self, task_id: str, split: Split, path: Path) -> Sequence[float]:
        task = self.task(task_id)
        if task.metric == "spearman":
            numbers = texts.read_numbers(path)
            texts.check_numbers(numbers, split, task.name, path)
            return numbers
        labels = examples.read_labels(path)
        examples.check_labels(labels, len(task.classes), split, task.name, path)
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
        return self.path(self._name(task_id, part))

    def _file(self, task_id: str, part: str) -> Path:
        return self.vouched.located(self._name(task_id, part))

    def _name(self, task_id: str, part: str) -> str:
        task = self.task(task_id)
        if part not in task.files:
            raise InputError(f"the library is incomplete: {task.name} names no {part} in {self.root / 'manifest.json'}")
        return task.files[part]


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


def order(library: Library, suite: int | str, seed: int | None = None) -> list[str]:
    """A suite's tasks in canonical order, or in the field's shuffled one: random.seed(s); random.shuffle(tasks)."""
    tasks = library.suites.get(str(suite))
    if tasks is None:
        suites = ", ".join(library.suites) or "none"
        raise InputError(f"a suite is one of {library.name}'s ({suites}), received {suite!r}")
    return shuffled(tasks, seed)


def shuffled(tasks: Sequence[str], seed: int | None) -> list[str]:
    """Tasks given in canonical order, as they are (None) or in the field's order of that seed."""
    tasks = list(tasks)
    if seed is not None:
        random.Random(seed).shuffle(tasks)
    return tasks
