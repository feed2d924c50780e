"""Names and colours of tasks, the same on every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from dashboard.charts.colours import task_colours
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark
from otmf_core.library import library


@dataclass(frozen=True)
class TaskLabels:
    """The name and the colour of every task, by task id."""

    names: Mapping[str, str]
    colours: Mapping[str, str]


def task_labels(config: MergeConfig) -> TaskLabels:
    """Names and colours of a merge's tasks; the bare ids where its library is not on this machine any more."""
    try:
        labels = _library_labels(config.library, mark(library.ASSETS / config.library / "manifest.json"))
    except InputError:
        labels = TaskLabels({}, {})
    ids = {task: task for task in config.tasks}
    return TaskLabels({**ids, **labels.names}, {**task_colours(sorted(config.tasks)), **labels.colours})


@lru_cache(maxsize=16)
def _library_labels(name: str, _manifest: Mark) -> TaskLabels:
    """The labels of the library of that name or path, read again when tasks were added to it."""
    tasks = library.open_library(name).tasks
    return TaskLabels({task.id: task.name for task in tasks}, task_colours([task.id for task in tasks]))
