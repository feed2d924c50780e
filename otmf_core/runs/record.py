"""What is known of a run after each step, and the record made of it: the figures, and what they were measured with."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from otmf_core import __version__, layout, metrics
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import read_object

FIGURES = ("acc", "bwt", "fwt", "forgetting", "stability", "plasticity", "normalised_acc")


@dataclass
class Progress:
    """What is known of a run after its last completed step; row t of the matrix is a[t], percent."""

    tasks: list[str]
    library: str  # SHA-256 of the manifest the run started from
    step: int = 0
    matrix: list[list[float | None]] = field(default_factory=list)
    individual: list[float] = field(default_factory=list)
    test_images: list[int] = field(default_factory=list)
    step_seconds: list[float] = field(default_factory=list)
    unfinished_seconds: float = 0.0  # spent on the step after that
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    device: str = ""


def read_progress(path: Path, config: MergeConfig, library: str) -> Progress:
    """The progress of the run in folder `path`, or that of a run about to begin on the library of that SHA-256.

    Raises InputError when the file is damaged or the run began on another library.
    """
    saved = path / layout.STATE
    if not saved.is_file():
        return Progress(list(config.tasks), library)
    try:
        progress = Progress(**read_object(saved))
    except TypeError as error:
        raise InputError(f"a run's progress.json has the fields of this version: {saved} ({error})") from None
    if progress.library != library:
        raise InputError(f"a run goes on with the library it began with: {config.library} has changed since")
    return progress


def make_record(run: str, status: str, config: MergeConfig, progress: Progress, created: str) -> dict[str, Any]:
    """Everything a run found, by the names the field uses; percent, seconds and bytes. Metrics are null until done."""
    figures: dict[str, Any] = dict.fromkeys(FIGURES)
    if status == "done":
        figures = metrics.summary(progress.matrix, progress.individual)
    return {
        "run": run,
        "status": status,
        "library": config.library,
        "method": config.method,
        "preset": config.preset,
        "tasks": list(config.tasks),
        "alpha": config.alpha if config.method == "otmf" else None,
        "scaling": config.scaling if config.method == "task-arithmetic" else None,
        "heads": config.heads,
        **figures,
        "matrix": progress.matrix,
        "individual": progress.individual,
        "zero_shot": progress.matrix[0] if progress.matrix else [],
        **config.stamp(),
        "test_images": progress.test_images,
        "steps": config.steps if config.reads_images else 0,
        "seed": config.seed,
        "device": progress.device,
        "seconds": progress.seconds,
        "step_seconds": progress.step_seconds,
        "peak_memory_bytes": progress.peak_memory_bytes,
        "created": created,
        "versions": {"otmf": __version__, "python": platform.python_version(), "torch": torch.__version__},
    }
