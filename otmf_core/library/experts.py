"""The fine-tuned models of a library's tasks: a task vector of its own, or a checkpoint that lies where it lay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import inside
from otmf_core.library.importers.base import Expert
from otmf_core.library.importers.opening import open_checkpoint
from otmf_core.library.importers.task_vector import TaskVector
from otmf_core.library.manifest import TaskInfo
from otmf_core.library.vouched import VouchedFiles

if TYPE_CHECKING:
    from otmf_core.models.task_vector import StateDict


def vector_names(vouched: VouchedFiles, task: TaskInfo) -> tuple[str, ...]:
    """The names in the manifest of the files that a task's vector is read from; raises InputError without one."""
    return task.checkpoint.files if task.checkpoint else (vouched.part(task, "task_vector"),)


def open_expert(vouched: VouchedFiles, task: TaskInfo, verified: bool) -> Expert:
    """The fine-tuned model of a task, opened by its headers, its files `verified` by their hashes or their sizes alone.

    Raises InputError on a file that is missing, has changed, or stands in no manifest.
    """
    names = vector_names(vouched, task)
    paths = [vouched.path(name) if verified else vouched.located(name) for name in names]
    if task.checkpoint is None:
        return TaskVector(paths[0])
    place = Path(task.checkpoint.path)
    place = place if place.is_absolute() else inside(vouched.root, task.checkpoint.path)
    if not place.exists():
        raise InputError(f"the library is incomplete: {place} is missing")
    _check_vouched(place, [*paths, *(path.parent for path in paths)], vouched.root)  # before it is opened
    expert = open_checkpoint(place)
    for file in expert.files:
        _check_vouched(file, paths, vouched.root)
    return expert


def nonzero(delta: StateDict, task: TaskInfo, expert: Expert) -> StateDict:
    """That task vector; raises InputError where it is zero."""
    if not any(tensor.any() for tensor in delta.values()):
        raise InputError(
            f"a task vector differs from zero: {task.name} does not differ from the pre-trained model, in "
            f"{expert.files[0]}"
        )
    return delta


def _check_vouched(file: Path, paths: Sequence[Path], root: Path) -> None:
    if not any(file.samefile(path) for path in paths):
        raise InputError(f"every file of a library stands in its manifest: {file} does not, in {root}")
