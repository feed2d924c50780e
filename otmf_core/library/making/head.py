"""The head of a new task, from a file or made by the text tower, written into the library."""

from __future__ import annotations

from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import write_tensors
from otmf_core.library.library import Library
from otmf_core.library.making.reporting import Report
from otmf_core.library.making.zero_shot import zero_shot
from otmf_core.library.manifest import TaskInfo


def add_head(root: Path, library: Library, task: TaskInfo, given: Path | None, report: Report) -> dict[str, Path]:
    """Write a task's head and return its file by name; raises InputError when a given one has other sizes."""
    import torch

    if given is None:
        text = f"Making the zero-shot head of {len(task.classes)} classes"
        report(text, 0.0)
        weight, scale = zero_shot(library, task.classes, task.templates, lambda done: report(text, done))
    else:
        from otmf_core.library.importers.task_arithmetic import read_head

        weight, scale = read_head(given)
    expected = (len(task.classes), library.backbone_config["model_cfg"]["embed_dim"])
    if tuple(weight.shape) != expected:
        raise InputError(
            f"a head has a row for each of {expected[0]} classes, of {expected[1]} features: it is "
            f"{tuple(weight.shape)} in {given}"
        )
    assert task.head is not None  # as of every new task
    write_tensors(root / task.head, {"weight": weight.contiguous(), "logit_scale": torch.tensor(scale)})
    return {task.head: root / task.head}
