"""The twenty image tasks that merging is measured on: their classes, prompts and data sets, and what was published.

Facts, with their sources, in known_tasks.json beside this file. Nothing is fetched.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from otmf_core.files import read_object

FACTS = Path(__file__).with_suffix(".json")
Backbone = Literal["ViT-B-32", "ViT-B-16", "ViT-L-14"]
BACKBONES: dict[Backbone, str] = {  # the repositories of the pre-trained models
    "ViT-B-32": "openai/clip-vit-base-patch32",
    "ViT-B-16": "openai/clip-vit-base-patch16",
    "ViT-L-14": "openai/clip-vit-large-patch14",
}
SUITES = (8, 14, 20)  # a suite is that many tasks, from the first
Accuracies = dict[Backbone, Annotated[float, Field(ge=0, le=100)]]


class KnownTask(BaseModel):
    """A task: what its classes and prompts are, where its images come from, and accuracies in percent to compare with.

    `classes` stand in the order of the labels; a prompt is a template with a class in place of {}. The data set has a
    `config` if it has several.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    aliases: tuple[str, ...]
    data: str
    config: str | None
    train_split: str
    test_split: str
    test_images: int
    zero_shot: Accuracies
    expert: Accuracies
    templates: tuple[str, ...]
    classes: tuple[str, ...]

    def expert_repository(self, backbone: Backbone) -> str:
        """The repository of the model that was fine-tuned on the task."""
        return f"tanganke/{BACKBONES[backbone].removeprefix('openai/')}_{self.id}"


@cache
def known_tasks() -> tuple[KnownTask, ...]:
    """All twenty, in the order in which suites take them."""
    return TypeAdapter(tuple[KnownTask, ...]).validate_python(read_object(FACTS)["tasks"])


def suite(size: int) -> tuple[KnownTask, ...]:
    """The first `size` tasks, one of SUITES."""
    return known_tasks()[:size]


def known_task(name: str) -> KnownTask | None:
    """The task of that id, name, alias or data set, whatever its case, hyphens and underscores; None if unknown."""
    return _by_name().get(_plain(name))


@cache
def _by_name() -> dict[str, KnownTask]:
    return {_plain(name): task for task in known_tasks() for name in (task.id, task.name, task.data, *task.aliases)}


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]", "", name.casefold())
