"""What the files of one run say of each other: figures of its tasks, metrics of its matrix, labels as asked for.

Runs made here agree by construction; one from elsewhere, or changed by hand, could lead a leaderboard with figures that
nothing measured.
"""

from __future__ import annotations

from math import isclose
from pathlib import Path
from typing import Any

from otmf_core import metrics
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import Growth, RunState

CLOSE = 1e-6  # points, between a metric and what its matrix gives


def check_agreement(path: Path, config: MergeConfig, state: RunState, record: RunRecord | None) -> None:
    """Raise InputError, naming what contradicts what, unless the state and the record are those of the configuration.

    Compared: tasks, the shape of the matrix and what it must hold, every metric with what the matrix gives, the labels
    and splits with what the configuration reads, and the settings that both name.
    """
    _check_state(path, config, state)
    if record is not None:
        _check_record(path, config, state, record)


def _check_state(path: Path, config: MergeConfig, state: RunState) -> None:
    count = len(config.tasks)
    if state.tasks not in ((), config.tasks):
        raise _contradiction(path, "it has figures of other tasks than its configuration")
    rows = len(state.matrix)
    if state.step > count or rows not in (state.step + 1, 0 if state.step == 0 else -1):
        raise _contradiction(path, f"{rows} rows of accuracies after step {state.step} of {count}")
    if any(len(row) != count for row in state.matrix):
        raise _contradiction(path, f"an accuracy matrix of another shape than its {count} tasks")
    if not state.step <= len(state.individual) <= min(state.step + 1, count):
        raise _contradiction(path, f"accuracies of {len(state.individual)} experts after step {state.step}")
    _check_counts(path, count, test_images=state.test_images)
    _check_growth(path, config, state.growth)


def _check_record(path: Path, config: MergeConfig, state: RunState, record: RunRecord) -> None:
    count = len(config.tasks)
    if record.tasks != config.tasks:
        raise _contradiction(path, "it has figures of other tasks than its configuration")
    if len(record.matrix) != count + 1 or any(len(row) != count for row in record.matrix):
        raise _contradiction(path, f"an accuracy matrix of another shape than its {count} tasks")
    if len(record.individual) != count:
        raise _contradiction(path, f"accuracies of {len(record.individual)} experts of {count} tasks")
    _check_counts(path, count, test_images=record.test_images, step_seconds=record.step_seconds)
    _check_growth(path, config, record.growth)
    if any(len(accuracies) != 2 for accuracies in record.held_out.values()):
        raise _contradiction(path, "accuracies of tasks that are not merged come in twos, before and after the merge")
    asked = {
        **config.stamp(state.transductive, state.noun),
        "method": config.method.name,
        "preset": config.preset,
        "heads": config.heads,
    }
    own = config.method.settings()
    asked |= {"seed": config.seed, "zero_shot": record.matrix[0], "alpha": own.get("alpha")}
    said = [(name, getattr(record, name), asked[name]) for name in record.model_fields_set & asked.keys()]
    # settings that came after the run was made are not named by it
    said += [(name, value, own[name]) for name, value in record.settings.items() if name in own]
    for name, value, was in said:
        if value != was:
            raise _contradiction(path, f"{name} is {_short(value)}, which was {_short(was)}")
    try:
        measured = metrics.summary(record.matrix, record.individual)
    except ValueError as error:
        raise _contradiction(path, str(error)) from None
    for name, value in measured.items():
        stated = getattr(record, name)
        if name not in record.model_fields_set and stated is None:
            continue  # of a version that had no such metric
        if not _same(stated, value):
            raise _contradiction(path, f"{name} is {_short(stated)}, by its own matrix {_short(value)}")


def _check_growth(path: Path, config: MergeConfig, growth: Growth | None) -> None:
    if growth is None:
        return
    if not config.method.grows:
        raise _contradiction(path, f"a model that grew, of {config.method.name}")
    if growth.parameters[0] > growth.parameters[1]:
        raise _contradiction(path, "a merged model that grew, of fewer parameters than the pre-trained one")
    if any(len(row) != len(config.tasks) for row in growth.variants.values()):
        raise _contradiction(path, f"accuracies of another number than its {len(config.tasks)} tasks")


def _check_counts(path: Path, count: int, **of_each: tuple) -> None:
    for name, values in of_each.items():
        if len(values) not in (0, count):
            raise _contradiction(path, f"{len(values)} {name} of {count} tasks")


def _same(stated: Any, value: Any) -> bool:
    if isinstance(value, list) and isinstance(stated, tuple):
        return len(stated) == len(value) and all(map(_same, stated, value))
    if isinstance(stated, float) and isinstance(value, float):
        return isclose(stated, value, rel_tol=0, abs_tol=CLOSE)
    return stated is value is None


def _short(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) and abs(value) < 1e9 else shown(value, 50)


def _contradiction(path: Path, what: str) -> InputError:
    return InputError(f"the files of a run must agree with each other: {what}, in {path}")
