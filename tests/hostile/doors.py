"""The doors by which a stranger's files come in: every reader of a library, a run or a zip that a user can reach.

Each door is tried whatever the others say. A refusal is an InputError, or exit code 2 on the command line, and one
sentence; any other exception is left to fly.
"""

from __future__ import annotations

import io
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from otmf_core.errors import InputError
from tests.tiny import is_one_sentence

if TYPE_CHECKING:
    from otmf_core.analysis.studies.base import Study

SPLITS = ("calibration", "labelled", "test")
MERGED_TASKS = "red,green"
SHORT = ("--device", "cpu", "--steps", "1", "--batch", "4", "--memory", "1", "--checkpoint-seconds", "1000")
Door = tuple[str, Callable[[], Any]]


class Untold(AssertionError):
    """A refusal that is not one sentence."""


def refusals(doors: Iterator[Door]) -> dict[str, str]:
    """The sentence of every door that refuses, by the door's name."""
    found = {}
    for name, enter in doors:
        try:
            enter()
        except InputError as error:
            found[name] = sentence(str(error))
    return found


def sentence(text: str) -> str:
    """A refusal as it was given; raises Untold unless it is one sentence that any file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Untold(f"a refusal with half a character: {text!r}") from None
    if not is_one_sentence(text) or not text.strip():
        raise Untold(f"no sentence: {text!r}")
    return text


def command(*arguments: str) -> str:
    """What a command prints; raises InputError with its sentence when it exits with code 2."""
    from otmf_core.cli import main as program

    printed, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(errors), patch.object(program, "parser_of", parser):
        try:
            code = program.main(arguments)
        except SystemExit as bad_arguments:
            code = bad_arguments.code
    if code == 2:
        raise InputError(errors.getvalue().strip().splitlines()[-1].removeprefix("error: "))
    if code != 0:
        raise AssertionError(f"exit code {code}: {errors.getvalue()}")
    return printed.getvalue()


def parser(arguments: Sequence[str]) -> ArgumentParser:
    """The program's own, built once for a command: that takes longer than most commands."""
    return _parser(arguments[0])


@cache
def _parser(command: str) -> ArgumentParser:
    from otmf_core.cli.commands import parser_of

    return parser_of([command])


# --- a library -------------------------------------------------------------------------------------------------------


def manifest_doors(root: Path) -> Iterator[Door]:
    """Everything that reads a library's manifest alone."""
    from otmf_core.library.library import open_library
    from otmf_core.library.orders import order

    where = ("--library", str(root))
    yield "list", lambda: command("list", "tasks", *where)
    yield "list as JSON", lambda: command("list", "tasks", *where, "--json")
    yield "open", lambda: open_library(str(root)).manifest_hash
    try:
        suites = tuple(open_library(str(root)).suites)
    except InputError:
        return  # which the doors above have told
    for suite in suites:
        yield f"suite {suite}", lambda suite=suite: order(open_library(str(root)), suite, 42)


def library_doors(root: Path) -> Iterator[Door]:
    """Everything that reads a library short of merging it."""
    import torch

    from otmf_core.library.geometry import geometry
    from otmf_core.library.library import open_library

    yield from manifest_doors(root)
    try:
        library = open_library(str(root))
        tasks = tuple(task.id for task in library.tasks)
    except InputError:
        return
    for task in tasks[1:2]:  # the one that is damaged
        yield f"check {task}", lambda task=task: library.check_task(task, SPLITS)
        yield f"task vector {task}", lambda task=task: library.task_vector(task)
        yield f"head {task}", lambda task=task: library.head(task)
        for split in SPLITS:
            yield f"{split} {task}", lambda task=task, split=split: library.examples(task, split)
            yield f"count {split} {task}", lambda task=task, split=split: library.count(task, split)
    yield "base", library.base
    yield "tower", lambda: library.tower(torch.device("cpu"))
    yield "geometry", lambda: geometry(library, tasks)


def merge_doors(root: Path, out: Path) -> Iterator[Door]:
    """A short merge of two of the library's tasks into the runs folder `out`."""
    where = ("--library", str(root), "--out", str(out), "--json", *SHORT)
    yield "merge", lambda: command("merge", "--tasks", MERGED_TASKS, *where)


def comparison_doors(root: Path, file: str) -> Iterator[Door]:
    """What reads the comparison or study at the path `file` of a library, and draws it on the Compare page."""
    from dashboard.app_pages.compare.grid import grid_view
    from dashboard.app_pages.compare.studies import study_section
    from otmf_core.analysis.results import shipped_results
    from otmf_core.analysis.studies.shipped import FOLDER, shipped_study
    from otmf_core.analysis.studies.table import STUDIES
    from otmf_core.library.library import open_library

    library = open_library(str(root))

    def compare() -> None:
        for number, results in enumerate(shipped_results(library)):
            _drawn(grid_view, results.runs, f"shipped-{number}")

    def show(study: Study) -> None:
        if results := shipped_study(library, study):
            _drawn(study_section, study, results, study.found(results.runs, results.measured))

    if file.startswith(FOLDER):
        study = STUDIES[Path(file).stem.removesuffix("-measured")]
        yield f"study {study.name}", lambda: show(study)
    else:
        yield "comparison", compare


def _drawn(draw: Callable[..., None], *args: object) -> None:
    """Draw a part of a page from what was let in, where a refusal comes too late."""
    try:
        draw(*args)
    except InputError as error:
        raise AssertionError(f"let in, then refused by the page: {error}") from error


# --- a run -----------------------------------------------------------------------------------------------------------


def run_doors(run: Path) -> Iterator[Door]:
    """Everything that reads a run folder short of exporting it; `list_runs` may not even refuse."""
    from otmf_core.runs.archive import write_zip
    from otmf_core.runs.folder import list_runs, load_run, resolve_run
    from otmf_core.runs.view import stored_view

    out = run.parent

    def listed() -> None:
        _, problems = listing()
        if problems:
            raise InputError(problems[0])

    def listing() -> tuple[Any, list[str]]:
        try:
            runs, damaged = list_runs(out)
            return runs, [folder.sentence for folder in damaged]
        except InputError as error:
            raise AssertionError(f"one damaged run hides all runs: {error}") from error

    yield "listed", listed
    yield "list", lambda: command("list", "runs", "--out", str(out))
    yield "list as JSON", lambda: command("list", "runs", "--out", str(out), "--json")
    yield "show", lambda: command("show", run.name, "--out", str(out))
    yield "resolve", lambda: resolve_run(run.name, out)
    yield "view", lambda: stored_view(load_run(run))
    yield "zip", lambda: write_zip(run, io.BytesIO())
    yield from mask_doors(run)
    yield from feature_doors(run)


def mask_doors(run: Path) -> Iterator[Door]:
    """The readers of a run's masks."""
    from otmf_core.masks.reading import mask_steps, matrix_shape, read_block, read_statistics

    yield "mask steps", lambda: mask_steps(run)
    for step in mask_steps(run)[:3]:
        yield f"statistics of step {step}", lambda step=step: read_statistics(run, step)
        try:
            tensors = read_statistics(run, step).tensors[:2]
        except InputError:
            continue
        for tensor in tensors:
            for side in ("pre", "post"):

                def block(step: int = step, side: str = side, tensor: str = tensor) -> None:
                    rows, columns = matrix_shape(run, step, side, tensor)
                    read_block(run, step, side, tensor, (0, min(rows, 8)), (0, min(columns, 8)))

                yield f"{side} mask of {tensor} of step {step}", block


def feature_doors(run: Path) -> Iterator[Door]:
    """The readers of a run's features."""
    from otmf_core.analysis.features import read_features, stored

    def features() -> None:
        for task in ("red", "green", "blue"):
            if stored(run, 3):
                read_features(run, task)

    yield "features", features


def export_doors(run: Path) -> Iterator[Door]:
    """The export of a run, and the going on with one."""
    yield "export", lambda: command("export", run.name, "--out", str(run.parent))
    yield "resume", lambda: _resume(run)


def _resume(run: Path) -> None:
    try:
        command("resume", run.name, "--out", str(run.parent))
    except InputError as error:
        if "nothing to resume" not in str(error):
            raise


def import_zip(content: bytes, out: Path) -> Path:
    """The folder of the run that a zip holds, let in; raises InputError where it is refused."""
    from otmf_core.runs.archive import import_run

    return out / import_run(io.BytesIO(content), out)
