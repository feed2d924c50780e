"""The iterations of a fusion that learns: reported, saved now and then, stopped when asked to, gone on with later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from otmf_core import layout
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import write_table, write_tensors
from otmf_core.methods.context import Context, Learning
from otmf_core.models.checkpoints import read_metadata, read_tensors
from otmf_core.models.task_vector import StateDict

SAVING_SHARE = 0.05  # of the time may go into saving the state of an unfinished fusion

Row = dict[str, float | None]  # of the loss curves


def iterate(
    iterations: int,
    context: Context,
    train: Callable[[int], Generator[Row, None, None]],
    state: Callable[[], StateDict],
    load: Callable[[StateDict], None],
) -> list[Row]:
    """Ask `train(done)` for its rows until there are so many; returns all of them, those of an earlier process too.

    `state` is all that training goes on from, and `load` puts such a state back before `train` is called. Raises
    Interrupted, within one iteration, after saving the state.
    """
    learning = learning_of(context)
    curves = _resume(load, context)
    saved, saving = time.monotonic(), 0.0
    with closing(train(len(curves))) as rows:
        while len(curves) < iterations:
            overdue = time.monotonic() - saved >= max(learning.save_seconds, saving / SAVING_SHARE)
            stop = learning.should_stop()
            if stop or (overdue and curves):
                began = time.monotonic()
                _save(state(), curves, context)
                saved, saving = time.monotonic(), time.monotonic() - began
            if stop:
                raise Interrupted(
                    f"stopped at step {context.step}, iteration {len(curves)} of {iterations}", len(curves)
                )
            began = time.monotonic()
            row = next(rows)
            curves.append(row)
            learning.report(len(curves) - 1, row, time.monotonic() - began)
    _save(state(), curves, context)  # what follows, evaluation say, may be interrupted too
    return curves


def learning_of(context: Context) -> Learning:
    """What a method learns with, which is there for all that read examples."""
    assert context.learning is not None
    return context.learning


def write_curves(folder: Path, curves: list[Row]) -> None:
    """Write curves.parquet of a fusion, a row per iteration."""
    write_table(folder / layout.CURVES, {key: [row[key] for row in curves] for key in curves[0]})


def keep_merged(folder: Path, delta: Mapping[str, Any]) -> None:
    """Keep Δ_m in the folder of its step, in float16, for a method whose step cannot be repeated from less."""
    write_tensors(folder / layout.MERGED, {name: tensor.half() for name, tensor in delta.items()})


def kept_merged(folder: Path) -> StateDict:
    """Δ_m of a step in float32, up to the rounding of float16; raises InputError when it is missing or damaged."""
    path = folder / layout.MERGED
    if not path.is_file():
        raise InputError(f"a step that learned keeps what it merged: a file is missing: {path}")
    return {name: tensor.float() for name, tensor in read_tensors(path).items()}


def _save(state: StateDict, curves: list[Row], context: Context) -> None:
    metadata = {"step": str(context.step), "curves": json.dumps(curves)}
    write_tensors(learning_of(context).unfinished, state, metadata)


def _resume(load: Callable[[StateDict], None], context: Context) -> list[Row]:
    """Load the state of this fusion if it was left unfinished; returns its loss curves so far."""
    unfinished = learning_of(context).unfinished
    if not unfinished.is_file():
        return []
    metadata = read_metadata(unfinished)
    if metadata.get("step") != str(context.step):
        return []
    load(read_tensors(unfinished))
    return json.loads(metadata["curves"])
