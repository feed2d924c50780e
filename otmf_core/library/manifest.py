"""The manifest of a library, validated whole: what it holds, and the hash and size of every file."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.settings import first_mistake

# 2 may refer to files that were left where they are; 3 likewise, and its pre-trained model reads texts
SELF_CONTAINED, REFERRING, OF_TEXTS = FORMATS = (1, 2, 3)
# What moves a cursor, ends a line or turns the direction of writing: no part of a name.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
FIELD = re.compile(r"\{([A-Za-z]\w{0,99})\}")  # of a prompt
Part = Literal["task_vector", "head", "calibration", "labelled", "test"]
PARTS: tuple[Part, ...] = ("task_vector", "head", "calibration", "labelled", "test")


def _plain(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("a text has no control characters")
    return text


def _plain_lines(text: str) -> str:
    _plain(text.replace("\n", " ").replace("\t", " "))
    return text


Name = Annotated[str, Field(strict=True, min_length=1, max_length=200), AfterValidator(_plain)]
Label = Annotated[str, Field(strict=True, min_length=1, max_length=500), AfterValidator(_plain)]
Text = Annotated[str, Field(strict=True, max_length=20_000), AfterValidator(_plain_lines)]
Place = Annotated[str, Field(strict=True, min_length=1, max_length=1000), AfterValidator(_plain)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FileEntry(_Model):
    """The content of a file, as it was when the library was made.

    `at` is the whole path of a file that lies elsewhere: it is used only if it has this hash, so that a manifest can
    name no file that its maker did not have.
    """

    sha256: Annotated[str, Field(strict=True, pattern=r"^[0-9a-fA-F]{64}$")]
    bytes: Annotated[int, Field(strict=True, ge=0)] | None = None
    at: Place | None = None

    @field_validator("at")
    @classmethod
    def _whole(cls, at: str | None) -> str | None:
        if at is not None and not os.path.isabs(at):
            raise ValueError("a file that lies elsewhere has a whole path")
        return at


class BackboneEntry(_Model):
    """The pre-trained model's files, by their path in the library, and the hub's name of it.

    Of a T5, `tokenizer` is its tokenizer.json and `beside` are files that go with the model wherever it goes.
    """

    kind: Literal["clip", "t5"] = "clip"
    config: Place | None = None
    weights: Place | None = None
    tokenizer: Place | None = None
    beside: tuple[Place, ...] = Field((), max_length=20)
    base_model: Name | None = None  # the hub repository, or another name, of the model it is


class CheckpointEntry(_Model):
    """A fine-tuned model in its family's own layout: the file or folder to open, and all files that are read of it.

    `path` lies in the library, or is whole. Each of `files` stands in the manifest's list of files.
    """

    path: Place
    files: tuple[Place, ...] = Field(min_length=1, max_length=1000)
    family: Name = ""
    precision: Text = ""


class TaskInfo(_Model):
    """A task: its names, and its files by their path in the library, as far as it has them.

    Its vector is `task_vector`, or what `checkpoint` differs by from the pre-trained model. Of a task of texts `prompt`
    is what is asked, with columns of its tables in braces, and `classes` are the answers that stand for its labels.
    """

    id: Name
    name: Name
    classes: tuple[Label, ...] = Field(min_length=1, max_length=10_000)
    templates: tuple[Label, ...] = Field((), max_length=1000)
    prompt: Text = ""
    metric: Literal["accuracy", "spearman"] = "accuracy"  # the second of answers that are numbers
    train_source: Text = ""
    test_source: Text = ""
    licence: Text = ""
    source: Name | None = None  # the hub repository, or another name, of the fine-tuned model
    left_out: Text = ""  # pictures or texts that could not be read when it was added
    calibration_split: Literal["train", "test"] = "train"  # that its calibration images were drawn from
    checkpoint: CheckpointEntry | None = None
    task_vector: Place | None = None
    head: Place | None = None
    calibration: Place | None = None
    labelled: Place | None = None
    test: Place | None = None

    @property
    def files(self) -> dict[str, str]:
        """The path in the library of every part that the task has."""
        paths = {part: getattr(self, part) for part in PARTS}
        return {part: path for part, path in paths.items() if path is not None}


class Manifest(_Model):
    """What manifest.json holds; of `recipe`, what its maker noted, nothing is known but that it is an object."""

    format: Literal[1, 2, 3]
    id: Name
    name: Name
    description: Text = ""
    backbone: BackboneEntry
    suites: dict[Name, tuple[Name, ...]] = {}
    tasks: tuple[TaskInfo, ...] = Field(max_length=10_000)
    files: dict[Place, FileEntry]
    recipe: dict[str, Any] = {}

    @field_validator("tasks")
    @classmethod
    def _once(cls, tasks: tuple[TaskInfo, ...]) -> tuple[TaskInfo, ...]:
        twice = sorted(name for name, count in Counter(task.id for task in tasks).items() if count > 1)
        if twice:
            raise ValueError(f"a task stands in a manifest once, received twice: {shown(twice[0])}")
        return tasks

    @model_validator(mode="after")
    def _suites_of_its_tasks(self) -> Manifest:
        ids = {task.id for task in self.tasks}
        for suite, tasks in self.suites.items():
            for task in tasks:
                if task not in ids:
                    raise ValueError(f"a suite is made of the library's tasks: {shown(suite)} has {shown(task)}")
            if len(set(tasks)) < len(tasks):
                raise ValueError(f"a suite has a task once: {shown(suite)} has one twice")
        return self

    @model_validator(mode="after")
    def _of_one_kind(self) -> Manifest:
        texts = self.backbone.kind == "t5"
        if texts != (self.format == OF_TEXTS):
            raise ValueError(f"a library whose pre-trained model reads texts, and no other, is of format {OF_TEXTS}")
        for task in self.tasks:
            if texts and not prompt_fields(task.prompt):
                raise ValueError(
                    f"a task of texts has a prompt with a column in braces, which {shown(task.id)} has not"
                )
            if task.metric == "spearman" and not all(map(is_number, task.classes)):
                raise ValueError(f"answers that are compared by rank are numbers, those of {shown(task.id)} are not")
        return self


def prompt_fields(prompt: str) -> tuple[str, ...]:
    """The columns that a prompt names, each once, in its order."""
    return tuple(dict.fromkeys(FIELD.findall(prompt)))


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def read_manifest(path: Path) -> Manifest:
    """The manifest in that file; raises InputError, naming the field, unless all of it is as it must be."""
    fields = read_object(path)
    if fields.get("format") not in FORMATS or isinstance(fields.get("format"), bool):
        raise InputError(f"a library's format is 1, 2 or 3, received {shown(fields.get('format'))} in {path}")
    missing = [key for key in ("id", "name", "backbone", "tasks", "files") if key not in fields]
    if missing:
        raise InputError(f"a manifest names {missing[0]!r}, which is missing in {path}")
    try:
        return Manifest(**fields)
    except ValidationError as error:
        field, reason = first_mistake(error)
        field = shown(field or "all of it")
        raise InputError(f"a manifest is right as a whole: {field} is not ({reason}) in {path}") from None
