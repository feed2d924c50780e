"""The disk that a merge takes beforehand, counted from the library's header and the method: no torch, no examples."""

from __future__ import annotations

from dataclasses import dataclass

from otmf_core.config import MergeConfig
from otmf_core.library.library import Library
from otmf_core.models.checkpoints import parameters

TABLES = 64 << 10  # bytes of the curves and statistics that a step leaves, and of its part of the JSON


@dataclass(frozen=True)
class DiskUse:
    """Bytes of a finished run, and those that it takes beside them, at most, while it is merged."""

    kept: int
    beside: int


def disk_use(config: MergeConfig, library: Library) -> DiskUse:
    """What a merge takes on disk, at most and to a few MB; raises InputError where the library cannot be read.

    While it merges, two steps' states are there at once, and an unfinished fusion twice: files are written beside the
    ones that they replace.
    """
    method, tasks = config.method, len(config.tasks)
    count = parameters(library.tower_header)
    shapes = {name: shape for name, (_, shape) in library.tower_header.items()}
    state = 4 * (count + method.parameters_beside(shapes, tasks))
    learned = sum(method.iterates_at(t, tasks) for t in range(1, tasks + 1)) if method.iterations_per_fusion else 0
    kept = state + learned * method.kept_bytes * count + (tasks + 1) * TABLES
    return DiskUse(kept, 2 * state + 2 * method.unfinished_bytes * count)
