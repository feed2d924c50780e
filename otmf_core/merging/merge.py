"""The two ways to merge: begin a run in a new folder, or go on with one that stands unfinished."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.merging.fold import Fold
from otmf_core.merging.inputs import MergeInputs, open_inputs
from otmf_core.methods.context import Event
from otmf_core.runs import folder as runs
from otmf_core.runs.lock import owned
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
    inputs = open_inputs(config)
    runs.create_run(path, config.model_dump(mode="json"))
    return _go_on(path, config, inputs, emit, should_stop)


def resume_merge(path: Path, *, emit: Callable[[Event], None], should_stop: Callable[[], bool]) -> dict[str, Any]:
    """Continue the run in this folder from where it stands; returns its record. Raises as `run_merge` does."""
    run = runs.load_run(path)
    if run.status == "done":
        raise InputError(f"a finished run has nothing to resume: {run.id} is done")
    config = MergeConfig.parse(run.config)
    return _go_on(path, config, None, emit, should_stop)


def _go_on(
    path: Path,
    config: MergeConfig,
    inputs: MergeInputs | None,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Claim the run, carry it to its end or its stop, and keep its status."""
    began = time.monotonic()

    def report(event: Event) -> None:
        emit({**event, "run": path.resolve().name, "seconds": time.monotonic() - began})

    with owned(path):
        runs.set_status(path, "running")
        try:
            inputs = inputs or open_inputs(config)
            report({"type": "phase", "text": f"Reading {inputs.library.name}"})
            record = Fold(config, inputs, path, report, should_stop).run()
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
        shutil.rmtree(path / layout.RESUME, ignore_errors=True)
    report({"type": "finished", "record": record})
    return record


def partial_record(path: Path) -> dict[str, Any]:
    """The record of a run that is not done: what is known of it so far, metrics null."""
    run = runs.load_run(path)
    config = MergeConfig.parse(run.config)
    known = {key: run.progress.get(key, default) for key, default in asdict(Progress(list(config.tasks), "")).items()}
    return make_record(run.id, run.status, config, Progress(**known), run.created)
