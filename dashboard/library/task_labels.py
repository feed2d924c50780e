"""Names and colours of tasks, the same on every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dashboard.charts.colours import task_colours
from otmf_core.errors import InputError
from otmf_core.library.library import open_library


@dataclass(frozen=True)
class Faces:
    """How tasks are shown: name and colour by task id."""

    names: Mapping[str, str]
    colours: Mapping[str, str]


def faces(config: Mapping[str, Any]) -> Faces:
    """Names and colours of a run's tasks; the bare ids where its library is not on this machine any more."""
    try:
        known = _library_faces(config["library"])
    except InputError:
        known = Faces({}, {})
    tasks = config.get("tasks", ())
    ids = {task: task for task in tasks}
    return Faces({**ids, **known.names}, {**task_colours(sorted(tasks)), **known.colours})


@lru_cache(maxsize=16)
def _library_faces(library: str) -> Faces:
    tasks = open_library(library).tasks
    return Faces({task.id: task.name for task in tasks}, task_colours([task.id for task in tasks]))
