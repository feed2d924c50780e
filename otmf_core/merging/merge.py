"""The two ways to merge: begin a run in a new folder, or go on with one that stands unfinished."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from otmf_core import __version__, layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import sweep_drafts, write_json
from otmf_core.merging.fold import Fold
from otmf_core.merging.inputs import MergeInputs, open_inputs
from otmf_core.models.device import devices as devices  # for whoever runs merges on them
from otmf_core.runs import folder
from otmf_core.runs.events import Emit, Event, Failed, Finished, Phase
from otmf_core.runs.lock import owned
from otmf_core.runs.record import RunRecord, make_record

VERSIONS = {"otmf": __version__, "python": platform.python_version(), "torch": torch.__version__}


def run_merge(
    config: MergeConfig,
    out: Path,
    *,
    emit: Emit,
    should_stop: Callable[[], bool],
    run_id: str | None = None,
    device: str = "",
) -> RunRecord:
    """Merge the tasks of `config` into a new run folder under `out`; returns the run's record.

    `device` is one of those that the configuration allows, such as cuda:1; without it, the first of them.
    Raises InputError on bad input, before the folder is made wherever that can be known, and Interrupted after a stop.
    """
    path = Path(out) / (run_id or folder.new_run_id(config.method.name))
    emit(Phase(text="Checking weights and examples", run=path.name))
    inputs = open_inputs(config, device)
    folder.create_run(path, config)
    return _go_on(path, config, device, inputs, emit, should_stop)


def resume_merge(path: Path, *, emit: Emit, should_stop: Callable[[], bool], device: str = "") -> RunRecord:
    """Continue the run in this folder from where it stands; returns its record. Raises as `run_merge` does."""
    run = folder.load_run(path)
    if run.status == "done":
        raise InputError(f"a finished run has nothing to resume: {run.id} is done")
    folder.check_resumable(run)
    return _go_on(path, run.config, device, None, emit, should_stop)


def partial_record(path: Path) -> RunRecord:
    """The record of a run that is not done: everything so far, metrics null."""
    run = folder.load_run(path)
    return make_record(run.id, run.status, run.config, run.state, run.created, VERSIONS)


def _go_on(
    path: Path,
    config: MergeConfig,
    device: str,
    inputs: MergeInputs | None,
    emit: Emit,
    should_stop: Callable[[], bool],
) -> RunRecord:
    """Claim the run, carry it to its end or its stop, and keep its status; `inputs` where they are open already."""
    began, name = time.monotonic(), path.resolve().name

    def report(event: Event) -> None:
        emit(replace(event, run=name, seconds=time.monotonic() - began))

    with owned(path):
        sweep_drafts(path)
        folder.set_status(path, "running")
        try:
            inputs = inputs or open_inputs(config, device)
            report(Phase(text=f"Reading {inputs.library.name}"))
            state = Fold(config, inputs, path, report, should_stop).run()
            record = make_record(name, "done", config, state, folder.load_run(path).created, VERSIONS)
            write_json(path / layout.RECORD, record.model_dump(mode="json"))
            shutil.rmtree(path / layout.RESUME, ignore_errors=True)
            folder.set_status(path, "done")
        except (Interrupted, KeyboardInterrupt):
            folder.set_status(path, "stopped")
            raise
        except BaseException as error:
            message = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            with suppress(InputError):  # on a full disk the status stays running without an owner: interrupted
                folder.set_status(path, "failed", message)
            report(Failed(message=message))
            raise
    report(Finished(record=record))
    return record
