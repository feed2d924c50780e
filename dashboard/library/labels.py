"""What every page calls a run's library and its tasks: names, colours, and what examples are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dashboard.charts.colours import task_colours
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark
from otmf_core.library import library


@dataclass(frozen=True)
class LibraryLabels:
    """A library's name, what its examples are called (images or texts), and the name and colour of every task by id."""

    name: str
    noun: str
    names: Mapping[str, str]
    colours: Mapping[str, str]


def library_labels(config: MergeConfig) -> LibraryLabels:
    """The labels of a merge's library and tasks.

    Where the library is not on this machine any more, the last part of its path and the bare ids.
    """
    name = Path(config.library).name or config.library
    gone = LibraryLabels(name, "images", {task: task for task in config.tasks}, task_colours(sorted(config.tasks)))
    try:
        found = _of_manifest(config.library, mark(library.ASSETS / config.library / "manifest.json"))
    except InputError:
        return gone
    return LibraryLabels(found.name, found.noun, {**gone.names, **found.names}, {**gone.colours, **found.colours})


@lru_cache(maxsize=16)
def _of_manifest(name: str, _manifest: Mark) -> LibraryLabels:
    """The labels of the library of that name or path, read again when tasks were added to it."""
    opened = library.open_library(name)
    names = {task.id: task.name for task in opened.tasks}
    return LibraryLabels(opened.name, opened.noun, names, task_colours(list(names)))
