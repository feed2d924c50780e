"""What a new task is made of beside its fine-tuned model, whether of pictures or of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otmf_core.library.examples import Split
from otmf_core.library.making.splits import Drawn
from otmf_core.library.manifest import TaskInfo


@dataclass(frozen=True)
class Written:
    """The examples that each split was given, a sentence on those left out, and files beside the tables, by name."""

    counts: dict[Split, int]
    left_out: str
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Contents:
    """The examples drawn, a note for the task's owner, what its entry says by its id, and what writes its tables."""

    drawn: Drawn
    note: str
    fields: Callable[[str], dict[str, Any]]
    write: Callable[[TaskInfo], Written]
