"""A library: one pre-trained model, its tasks (task vector, head, images), and the manifest that vouches for them.

Reading the manifest imports no torch; weights and images are read, and their hashes checked, when asked for.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otmf_core.errors import InputError
from otmf_core.files import Mark, inside, mark, read_object, sha256
from otmf_core.models.checkpoints import check_finite, check_matches, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

ASSETS = Path(__file__).resolve().parents[2] / "assets"
FORMAT = 1
Split = Literal["calibration", "labelled", "test"]


@dataclass(frozen=True)
class TaskInfo:
    """One task of a library, as its manifest states it."""

    id: str
    name: str
    classes: tuple[str, ...]
    train_source: str
    test_source: str
    licence: str
    files: dict[str, str]  # task_vector, head and the three splits → path inside the library


@dataclass(frozen=True)
class Images:
    """Images of one split: uint8 (n, height, width, 3) and labels int64 (n,)."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Library:
    """A folder with one pre-trained model and its tasks."""

    root: Path
    manifest: dict[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        return self.manifest["id"]

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @cached_property
    def tasks(self) -> tuple[TaskInfo, ...]:
        try:
            return tuple(_task(task) for task in self.manifest["tasks"])
        except (AttributeError, KeyError, TypeError) as error:
            where = self.root / "manifest.json"
            raise InputError(f"a task has an id, a name and classes: {error!r} in {where}") from None

    @property
    def suites(self) -> dict[str, list[str]]:
        """Suite name → its task ids, in canonical order."""
        return self.manifest.get("suites", {})

    def task(self, task_id: str) -> TaskInfo:
        for task in self.tasks:
            if task.id == task_id:
                return task
        known = ", ".join(task.id for task in self.tasks)
        raise InputError(f"a task is one of {self.name}'s ({known}), received {task_id!r}")

    @cached_property
    def backbone_config(self) -> dict[str, Any]:
        return read_object(self.backbone("config"))

    @property
    def manifest_hash(self) -> str:
        """SHA-256 of the manifest, which holds the hash of every other file: what a run names its library by."""
        return sha256(self.root / "manifest.json")

    def path(self, name: str) -> Path:
        """The verified path of a file of the library; raises InputError when it is missing or its hash differs."""
        path = inside(self.root, name)
        if not path.is_file():
            raise InputError(f"the library is incomplete: {path} is missing")
        recorded = self.manifest["files"].get(name)
        if recorded is None:
            raise InputError(f"every file of a library stands in its manifest: {name} does not, in {self.root}")
        stamp = (path, mark(path), recorded["sha256"])
        if stamp not in _verified:
            found = sha256(path)
            if found != recorded["sha256"]:
                raise InputError(
                    f"a file must have the hash its manifest records: {path} has {found[:12]}…, "
                    f"expected {recorded['sha256'][:12]}…"
                )
            _verified.add(stamp)
        return path

    def base(self) -> dict[str, Tensor]:
        """θ⁰: the image tower's state dict, floating-point tensors in float32."""
        path = self.backbone("weights")
        tensors = read_tensors(path, prefix="visual.")
        if not tensors:
            raise InputError(f"a pre-trained model has an image tower: no key starts with 'visual.' in {path}")
        check_finite(tensors, str(path))
        return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}

    def task_vector(self, task_id: str, base: dict[str, Tensor]) -> dict[str, Tensor]:
        """Δᵗ = θᵗ − θ⁰ over the floating-point keys, in the stored precision; checked against `base`."""
        path = self.file(task_id, "task_vector")
        delta = read_tensors(path)
        check_matches(delta, {name: tensor for name, tensor in base.items() if tensor.is_floating_point()}, str(path))
        return delta

    def head(self, task_id: str) -> tuple[Tensor, float]:
        """The zero-shot head of a task: (classes, d) rows of unit norm, and the logit scale."""
        task = self.task(task_id)
        path = self.file(task_id, "head")
        tensors = read_tensors(path)
        check_finite(tensors, str(path))
        missing = {"weight", "logit_scale"} - tensors.keys()
        if missing:
            raise InputError(f"a head has a weight and a logit_scale: {missing.pop()} is missing in {path}")
        weight = tensors["weight"].float()
        config = self.backbone_config
        expected = (len(task.classes), config.get("model_cfg", config).get("embed_dim"))
        if weight.shape != expected:
            raise InputError(f"a head is (classes, features): {tuple(weight.shape)}, expected {expected}, in {path}")
        return weight, float(tensors["logit_scale"])

    def check_images(self, task_id: str, split: Split) -> None:
        """Raise InputError when a split is empty, damaged, has a label out of range or (test aside) a single class."""
        self._image_table(task_id, split)

    def images(self, task_id: str, split: Split, first: int | None = None) -> Images:
        """The images of a split, or its `first` ones (from 1), decoded.

        Raises InputError as `check_images` does, and on a damaged picture.
        """
        import numpy as np
        import torch
        from PIL import Image

        blobs, labels = self._image_table(task_id, split)
        try:
            pictures = [np.asarray(Image.open(io.BytesIO(blob)).convert("RGB")) for blob in blobs[:first]]
            pixels = np.stack(pictures)
        except (OSError, SyntaxError, TypeError, ValueError) as error:
            path = self.file(task_id, split)
            raise InputError(f"images of a split are pictures of one size: {path} ({error})") from None
        return Images(torch.from_numpy(pixels), torch.tensor(labels[:first]))

    def backbone(self, part: str) -> Path:
        """The verified path of the pre-trained model's config or weights; raises InputError where there is none."""
        name = self.manifest["backbone"].get(part)
        if name is None:
            raise InputError(f"a backbone has a config and weights: {part} is missing in {self.root / 'manifest.json'}")
        return self.path(name)

    def file(self, task_id: str, part: str) -> Path:
        """The verified path of a task's task_vector, head or split; raises InputError where there is none."""
        task = self.task(task_id)
        if part not in task.files:
            raise InputError(f"the library is incomplete: {task.name} names no {part} in {self.root / 'manifest.json'}")
        return self.path(task.files[part])

    def _image_table(self, task_id: str, split: Split) -> tuple[list[bytes], list[int]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        task = self.task(task_id)
        path = self.file(task_id, split)
        try:
            table = pq.read_table(path, columns=["image", "label"])
            blobs, labels = table["image"].to_pylist(), table["label"].cast(pa.int32()).fill_null(-1).to_pylist()
        except (pa.ArrowException, OSError, KeyError) as error:
            raise InputError(f"images come as a Parquet table with columns image and label: {path} ({error})") from None
        if not labels:
            raise InputError(f"a {split} set needs images: {task.name} has none in {path}")
        if min(labels) < 0 or max(labels) >= len(task.classes):
            raise InputError(f"labels lie in 0…{len(task.classes) - 1}: found {min(labels)} to {max(labels)} in {path}")
        if split != "test" and len(set(labels)) < 2:
            raise InputError(f"a {split} set needs at least two classes: {task.name} has one in {path}")
        return blobs, labels


_verified: set[tuple[Path, Mark, str]] = set()


def _task(entry: dict[str, Any]) -> TaskInfo:
    parts = ("task_vector", "head", "calibration", "labelled", "test")
    return TaskInfo(
        id=entry["id"],
        name=entry["name"],
        classes=tuple(entry["classes"]),
        train_source=entry.get("train_source", ""),
        test_source=entry.get("test_source", ""),
        licence=entry.get("licence", ""),
        files={part: entry[part] for part in parts if part in entry},
    )


def open_library(name: str) -> Library:
    """The installed library of that name, or the one in that folder; reads the manifest only."""
    root = ASSETS / name if name and name == Path(name).name and (ASSETS / name).is_dir() else Path(name)
    if not (root / "manifest.json").is_file():
        installed = ", ".join(library.id for library in list_libraries()) or "none"
        raise InputError(f"a library is installed ({installed}) or a folder with a manifest.json, received {name!r}")
    manifest = read_object(root / "manifest.json")
    if manifest.get("format") != FORMAT:
        found = manifest.get("format")
        raise InputError(f"a library's format is {FORMAT}, received {found!r} in {root / 'manifest.json'}")
    missing = [key for key in ("id", "name", "backbone", "tasks", "files") if key not in manifest]
    if missing:
        raise InputError(f"a manifest names {missing[0]!r}, which is missing in {root / 'manifest.json'}")
    return Library(root, manifest)


def list_libraries() -> list[Library]:
    """The libraries that came with the project."""
    return [open_library(path.parent.name) for path in sorted(ASSETS.glob("*/manifest.json"))]


def order(library: Library, suite: int | str, seed: int | None = None) -> list[str]:
    """A suite's tasks in canonical order, or in the field's shuffled one: random.seed(s); random.shuffle(tasks)."""
    tasks = library.suites.get(str(suite))
    if tasks is None:
        known = ", ".join(library.suites) or "none"
        raise InputError(f"a suite is one of {library.name}'s ({known}), received {suite!r}")
    return shuffled(tasks, seed)


def shuffled(tasks: Sequence[str], seed: int | None) -> list[str]:
    """Tasks given in canonical order, as they are (None) or in the field's order of that seed."""
    tasks = list(tasks)
    if seed is not None:
        random.Random(seed).shuffle(tasks)
    return tasks
