"""The table of trackers: their names, and the file that knows each; a tool's package is imported when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmf_core.tracking.base import Opening, Tracker


@dataclass(frozen=True)
class Tool:
    """A tool by its name, which is that of its file, of its extra and of its folder; and where it keeps runs."""

    name: str
    about: str

    def folder(self, out: Path) -> Path:
        """Where it keeps the runs of a runs folder, unless it keeps them on a server."""
        return out / self.name

    def check(self, out: Path) -> None:
        """Raise InputError where a run of that runs folder surely could not be tracked."""
        import_module(f"otmf_core.tracking.{self.name}").check(self.folder(out))

    def open(self, opening: Opening) -> Tracker:
        """Begin a tracked run, or go on with one; raises whatever the tool does."""
        return import_module(f"otmf_core.tracking.{self.name}").open_tracker(opening)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("tensorboard", "event files in tensorboard/ under --out"),
        Tool("mlflow", "the server that MLFLOW_TRACKING_URI names, else a store of files in mlflow/ under --out"),
        Tool("wandb", "offline in wandb/ under --out, unless WANDB_MODE or WANDB_API_KEY is set"),
    )
}
