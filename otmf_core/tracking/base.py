"""What a tracker is: the tool in which a team keeps its measurements, as a run is told to it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from otmf_core.errors import InputError
from otmf_core.files import brief, not_written
from otmf_core.runs.state import AccuracyRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Axis = Literal["iteration", "step"]
End = Literal["done", "stopped", "failed"]
CREDENTIALS = re.compile(r"//[^/@\s]+@")  # in the address of a server


@dataclass(frozen=True)
class Points:
    """Scalars by name, at one place of an axis: the iterations of all fusions, counted from 1, or the steps from 0."""

    axis: Axis
    at: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Opening:
    """What a tracker opens with: the run's id and settings, the tool's folder, and the tracked run to go on with."""

    run: str
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    previous: str = ""  # the `id` of an earlier tracker of this run, empty where there was none


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves: its accuracy matrix in percent, a picture of it (H, W, 3 bytes), its model card."""

    tasks: tuple[str, ...]
    matrix: Sequence[AccuracyRow]
    picture: NDArray[np.uint8]
    card: str

    def rows(self) -> list[list[float | None]]:
        """The matrix as a table: the step, then the accuracy on every task."""
        return [[step, *row] for step, row in enumerate(self.matrix)]


class Tracker(Protocol):
    """A tracked run, open. `id` is what it is gone on with; `resumed`, whether it is the one that was asked for."""

    id: str
    resumed: bool

    def write(self, points: Sequence[Points]) -> None:
        """Keep these points, so that they are there if this process is killed."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Keep what a finished run leaves."""
        ...

    def close(self, end: End) -> None:
        """End this process's part."""
        ...


def needs(package: str, tool: str) -> None:
    """Raise InputError unless a package is installed, which it is not looked into for."""
    if find_spec(package) is None:
        raise InputError(f"tracking by {tool} needs a package that is not installed: pip install 'otmf[{tool}]'")


def check_folder(folder: Path) -> None:
    """Make a folder; raises InputError where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise not_written(error, folder) from None


def cause(error: Exception) -> str:
    """What a tool says of an error, on one line, without the credentials of a server's address."""
    return CREDENTIALS.sub("//", brief(error)) or type(error).__name__
