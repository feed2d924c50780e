"""Tables of the command line: listings, and a run with its matrix and metrics."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from otmf_core.config import MergeConfig
from otmf_core.library.library import Library
from otmf_core.runs.folder import Run
from otmf_core.runs.record import RunRecord

if TYPE_CHECKING:
    from otmf_core.library.making.check import Checked

LEGEND = "Test accuracy, %, after each step; 0 is the pre-trained model, alone is each task's own fine-tuned model"
PIPED_WIDTH = 4096  # columns; a pipe has no edge to wrap at


def task_rows(library: Library) -> list[dict[str, Any]]:
    """One row for every task of a library, in canonical order; `suite` is the smallest suite that has it."""
    sizes = sorted(library.suites, key=lambda name: len(library.suites[name]))
    return [
        {
            "id": task.id,
            "name": task.name,
            "classes": len(task.classes),
            "suite": next((name for name in sizes if task.id in library.suites[name]), None),
            "train_source": task.train_source,
            "test_source": task.test_source,
            "licence": task.licence,
        }
        for task in library.tasks
    ]


def run_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One row for every run, newest first; figures are None until the run is done."""
    return [
        {
            "id": run.id,
            "status": run.status,
            "method": run.config.method.name,
            "tasks": len(run.config.tasks),
            "acc": run.record and run.record.acc,
            "bwt": run.record and run.record.bwt,
            "labels": run.record and run.record.labels,
            "created": run.created,
        }
        for run in runs
    ]


def library_rows(libraries: Sequence[Library]) -> list[dict[str, Any]]:
    """One row for every installed library."""
    return [
        {"id": library.id, "name": library.name, "tasks": len(library.tasks), "suites": ", ".join(library.suites)}
        for library in libraries
    ]


def check_rows(checked: Checked, noun: str) -> list[dict[str, Any]]:
    """One row for every task of a library that was checked, whose examples are called `noun`; accuracies in percent,
    with what was published of them."""

    def figure(own: float | None, published: float | None) -> str | None:
        if own is None:
            return None
        return f"{own:.1f}" + (f" (published {published:.1f})" if published is not None else "")

    return [
        {
            "task": task.task,
            "format": task.format or None,
            "precision": task.precision or None,
            "norm %": None if task.norm is None else f"{100 * task.norm:.2f}",
            "mean cosine": None if task.cosine is None else f"{task.cosine:.3f}",
            noun: task.images,
            "zero-shot %": figure(task.zero_shot, task.published_zero_shot),
            "individual %": figure(task.individual, task.published_individual),
            "trouble": len(task.trouble) or None,
        }
        for task in checked.tasks
    ]


def print_rows(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """A table with one column for every key, or the title and "none"."""
    if not rows:
        _console().print(f"{title}: none")
        return
    _console().print(title)
    table = Table(box=SIMPLE)
    for key, value in rows[0].items():
        table.add_column(key.replace("_", " "), justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    _console().print(table)


def show(run: Run) -> None:
    """A run's status, accuracy matrix, metrics, and what they were measured with."""
    console = _console()
    console.print(f"Run {run.id}: {run.status}{f' ({run.message})' if run.message else ''}")
    if run.matrix:
        console.print(f"{LEGEND}:")
        _console(least=24 + 6 * (len(run.matrix) + 2)).print(_matrix(run.config.tasks, run.matrix, run.individual))
    if run.record:
        console.print(_facts(run.config, run.record))


def _matrix(
    tasks: Sequence[str], matrix: Sequence[Sequence[float | None]], individual: Sequence[float | None]
) -> Table:
    """Tasks down, steps across: the transpose of the stored matrix, which reads as one task's history."""
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("task", no_wrap=True)
    for step in range(len(matrix)):
        table.add_column(str(step), justify="right", no_wrap=True)
    table.add_column("alone", justify="right", no_wrap=True)
    for i, task in enumerate(tasks):
        own = individual[i] if i < len(individual) else None
        table.add_row(f"{i + 1} {task}", *(_cell(row[i]) for row in matrix), _cell(own))
    return table


def _facts(config: MergeConfig, record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    settings = {**config.method.settings(), "preset": config.preset, "heads": config.heads, "seed": config.seed}
    facts = {
        "ACC": f"{record.acc:.1f} %",
        "BWT": _points(record.bwt),
        "FWT": _points(record.fwt),
        "held out": _held_out(record),
        "method": ", ".join([config.method.name, *(f"{name} {value}" for name, value in settings.items())]),
        "labels": record.labels,
        "calibration": f"split: {record.calibration_split}",
        "memory": f"{record.memory_per_task} {record.noun} of every earlier task",
        f"test {record.noun}": f"{sum(record.test_images)} in all, read by evaluation alone",
        "scoring": record.scoring and f"answers by {record.scoring}",
        "time": f"{timedelta(seconds=round(record.seconds))} on {record.device}",
        "peak memory": f"{record.peak_memory_bytes / 2**30:.2f} GiB",
        "growth": "; ".join(record.growth.facts() if record.growth else ()),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
    }
    for name, value in facts.items():
        if value:
            table.add_row(name, value)
    return table


def _held_out(record: RunRecord) -> str:
    """Mean accuracy on tasks that were not merged, before and after."""
    means = record.held_out_means()
    if means is None:
        return ""
    before, after = means
    return f"{after:.1f} % on {len(record.held_out)} tasks not merged, {before:.1f} % before the merge"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f} points"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _console(least: int = 0) -> Console:
    """stdout; as wide as a table needs where it is piped, and at least `least` columns on a terminal."""
    console = Console(highlight=False, markup=False)
    width = max(console.width, least) if sys.stdout.isatty() else PIPED_WIDTH
    return Console(highlight=False, markup=False, width=width)
