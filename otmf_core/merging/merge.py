"""The two ways to merge: begin a run in a new folder, or go on with one that stands unfinished."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.library.library import Split, open_library
from otmf_core.merging.fold import Fold
from otmf_core.methods.context import Event
from otmf_core.models.checkpoints import check_matches
from otmf_core.models.clip import build_encoder
from otmf_core.models.device import resolve
from otmf_core.models.task_vector import weights
from otmf_core.runs import folder as runs
from otmf_core.runs.record import Progress, make_record


def run_merge(
    config: MergeConfig,
    out: Path,
    *,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
    run_id: str | None = None,
) -> dict[str, Any]:
    """Merge the tasks of `config` into a new run folder under `out`; returns the run's record.

    Raises InputError on bad input, before the folder is made wherever that can be known, and Interrupted after a stop.
    """
    path = Path(out) / (run_id or runs.new_run_id(config.method))
    emit({"type": "phase", "text": "Checking weights and images", "run": path.name, "seconds": 0.0})
    _check_inputs(config)
    runs.create_run(path, config.model_dump(mode="json"))
    return resume_merge(path, emit=emit, should_stop=should_stop)


def resume_merge(path: Path, *, emit: Callable[[Event], None], should_stop: Callable[[], bool]) -> dict[str, Any]:
    """Continue the run in this folder from where it stands; returns its record. Raises as `run_merge` does."""
    run = runs.load_run(path)
    if run.status == "done":
        raise InputError(f"a finished run has nothing to resume: {run.id} is done")
    config = MergeConfig.parse(run.config)
    began = time.monotonic()

    def report(event: Event) -> None:
        emit({**event, "run": run.id, "seconds": time.monotonic() - began})

    with runs.owned(path):
        runs.set_status(path, "running")
        try:
            record = Fold(config, path, report, should_stop).run()
            runs.set_status(path, "done")
        except (Interrupted, KeyboardInterrupt):
            runs.set_status(path, "stopped")
            raise
        except BaseException as error:
            message = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            with suppress(InputError):  # on a full disk the status stays running without an owner: interrupted
                runs.set_status(path, "failed", message)
            report({"type": "failed", "message": message})
            raise
        shutil.rmtree(path / "resume", ignore_errors=True)
    report({"type": "finished", "record": record})
    return record


def partial_record(path: Path) -> dict[str, Any]:
    """The record of a run that is not done: what is known of it so far, metrics null."""
    run = runs.load_run(path)
    config = MergeConfig.parse(run.config)
    known = {key: run.progress.get(key, default) for key, default in asdict(Progress(list(config.tasks), "")).items()}
    return make_record(run.id, run.status, config, Progress(**known), run.created)


def _check_inputs(config: MergeConfig) -> None:
    """Raise InputError for anything wrong with the device, the library or the files of the tasks; keeps nothing."""
    resolve(config.device)
    library = open_library(config.library)
    for task in config.tasks:
        library.task(task)
    base = library.base()
    tower = {name: tensor for name, tensor in base.items() if tensor.is_floating_point()}
    check_matches(tower, weights(build_encoder(library.backbone_config)), f"the backbone of {library.name}")
    for task in config.tasks:
        library.task_vector(task, base)
        library.head(task)
        for split in _splits(config):
            library.check_images(task, split)


def _splits(config: MergeConfig) -> list[Split]:
    """The splits that a run reads."""
    splits: list[Split] = ["test"]
    if config.reads_images:
        splits.append("calibration")
    if config.heads == "tuned":
        splits.append("labelled")
    return splits
