"""What studies measured beside their merges, in one file: the only door by which such rows come in.

{"format": 1, "study": its name, "command": how they were made, "library": SHA-256 of its manifest, "" where none was
read, "conditions": what they were measured on, "rows": [{…}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otmf_core.analysis.studies.base import MeasuredRow, Study
from otmf_core.analysis.studies.table import STUDIES
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark, read_object, shown, write_rows
from otmf_core.runs.state import Text
from otmf_core.settings import first_mistake

MOST_ROWS = 10_000
RULE = "a study's measurements have the fields of this version"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    study: Text
    command: Text
    library: Text = ""
    conditions: Text = ""
    rows: tuple[dict[str, Any], ...] = Field(max_length=MOST_ROWS)


@dataclass(frozen=True)
class Measured:
    """The rows that a study measured, the command that made them, and what they were measured on."""

    command: str
    library: str
    conditions: str
    rows: tuple[MeasuredRow, ...]


def write_measured(
    path: Path, study: Study, rows: Sequence[MeasuredRow], command: str, library: str, conditions: str
) -> None:
    """Write what a study measured, a line for each row; raises InputError on a full or read-only disk."""
    head = {"format": 1, "study": study.name, "command": command, "library": library, "conditions": conditions}
    write_rows(path, head, "rows", [row.model_dump(mode="json") for row in rows])


def read_measured(path: Path, study: str) -> Measured:
    """What the study of that name measured; raises InputError on a file of another study, damaged, or not one of ours.

    What was read is kept until the file changes.
    """
    return _read(path, study, mark(path))


@lru_cache(maxsize=8)
def _read(path: Path, study: str, changed: Mark) -> Measured:
    model = STUDIES[study].measured
    assert model is not None
    try:
        file = _File(**read_object(path))
        if file.study != study:
            raise InputError(f"the measurements of a study name it: {study} expected, {shown(file.study)} in {path}")
        return Measured(file.command, file.library, file.conditions, tuple(model(**row) for row in file.rows))
    except ValidationError as error:
        field, reason = first_mistake(error)
        raise InputError(f"{RULE}: {shown(field, 80)} ({reason[:100]}) in {path}") from None
