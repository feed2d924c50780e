"""The eight tasks of GLUE that merging Flan-T5 is measured on: prompts, answers, data sets, and what was published.

Facts, with their sources, in known_texts.json beside this file. Nothing is fetched.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from otmf_core.files import read_object

FACTS = Path(__file__).with_suffix(".json")
TextBackbone = Literal["flan-t5-base", "flan-t5-large"]
TEXT_BACKBONES: dict[TextBackbone, str] = {  # the repositories of the pre-trained models
    "flan-t5-base": "google/flan-t5-base",
    "flan-t5-large": "google/flan-t5-large",
}
ADAPTED = "flan-t5-large"  # the one that was fine-tuned as LoRA alone
Percent = Annotated[float, Field(ge=0, le=100)]


class KnownText(BaseModel):
    """A task: what is asked, the answers by label, its configuration of the data set, and published figures, percent.

    Figures are of Flan-T5-base, by generation and exact match: accuracy, or Spearman's ρ of STS-B.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    aliases: tuple[str, ...]
    data: str = "nyu-mll/glue"
    config: str
    train_split: str = "train"
    test_split: str
    prompt: str
    answers: tuple[str, ...]
    metric: Literal["accuracy", "spearman"]
    zero_shot: Percent
    expert: Percent

    def expert_repository(self, backbone: str, lora: bool) -> str:
        """The repository of what was fine-tuned from that of `backbone` on the task, whole or as a LoRA of rank 16."""
        return f"tanganke/{backbone.removeprefix('google/')}_{self.id}{'_lora-16' if lora else ''}"


@cache
def known_texts() -> tuple[KnownText, ...]:
    """All eight, in the order in which they are published."""
    return TypeAdapter(tuple[KnownText, ...]).validate_python(read_object(FACTS)["tasks"])


def known_text(name: str) -> KnownText | None:
    """The task of that id, name or alias, whatever its case, hyphens and underscores; None if unknown."""
    plain = _plain(name)
    return next((task for task in known_texts() if plain in map(_plain, (task.id, task.name, *task.aliases))), None)


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]", "", name.casefold())
