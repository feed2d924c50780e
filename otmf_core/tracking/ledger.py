"""What was already told to each tracker of a run, kept in its folder, so that nothing is told twice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from otmf_core import layout
from otmf_core.files import read_object, write_json
from otmf_core.runs.state import Text, Whole, parsed


class Told(BaseModel):
    """The tracked run by its tool's id, and how far it was told: steps (0 has the pre-trained model) and iterations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text = ""
    steps: Annotated[int, Field(strict=True, ge=-1)] = -1
    iterations: Whole = 0
    timed: Whole = 0  # iterations whose seconds were told
    finished: bool = False


class Ledger(BaseModel):
    """What was told, by tool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: dict[Text, Told] = {}


def read_told(run: Path, tool: str) -> Told:
    """What was told of the run in that folder; raises InputError when the file is damaged."""
    return _read(run).tools.get(tool, Told())


def write_told(run: Path, tool: str, told: Told) -> None:
    """Keep what was told; raises InputError on a full disk."""
    ledger = Ledger(tools={**_read(run).tools, tool: told})
    write_json(run / layout.TRACKING, ledger.model_dump(mode="json"))


def _read(run: Path) -> Ledger:
    file = run / layout.TRACKING
    return parsed(Ledger, file, read_object(file)) if file.is_file() else Ledger()
