"""What the jobs do: the engine's calls, the uploads that they read, and what each of them leaves to be shown.

The engine's modules are light; torch and open_clip are loaded when they are called, on the thread of the job.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

from dashboard.app_pages.library.jobs import Report
from dashboard.app_pages.library.uploads import Upload, store
from otmf_core.library.importers.base import Activation
from otmf_core.library.library import Library, open_library
from otmf_core.library.making import add, check, new, pull

Source = Path | Upload  # of a checkpoint: a file or folder on this machine, or a file from the browser
UPLOADS = "uploads"


@dataclass(frozen=True)
class Made:
    """A library that is there now, by its folder."""

    root: Path
    name: str
    tasks: int


@dataclass(frozen=True)
class TaskAdded:
    """A task that is in the library in folder `root` now, whose examples are called `noun`."""

    root: Path
    added: add.Added
    noun: str


@dataclass(frozen=True)
class LibraryChecked:
    """How the library in folder `root`, whose examples are called `noun`, was found."""

    root: Path
    name: str
    checked: check.Checked
    noun: str


@dataclass(frozen=True)
class Planned:
    """A suite that can be fetched into folder `root`, and what that takes."""

    root: Path
    suite: pull.Suite
    plan: pull.Plan


def make(root: Path, source: Source, activation: Activation | None, base_model: str | None, report: Report) -> Made:
    """A new library of a pre-trained model; an upload is not kept, for the weights are copied."""
    folder = root.parent / f".{root.name}-{UPLOADS}"
    try:
        path = _path(source, folder, report)
        return _made(new.new_library(root, path, activation=activation, base_model=base_model, report=report))
    finally:
        rmtree(folder, ignore_errors=True)


def add_to(root: Path, task: add.NewTask, upload: Upload | None, report: Report, noun: str = "images") -> TaskAdded:
    """A task added, whose examples are called `noun`.

    Its `upload` takes the place of its checkpoint, and is kept where the library refers to it.
    """
    if upload is None:
        return TaskAdded(root, add.add_task(root, task, report), noun)
    with _kept(_path(upload, root / UPLOADS, report), task.copy) as path:
        return TaskAdded(root, add.add_task(root, replace(task, checkpoint=path), report), noun)


def look_over(root: Path, images: int, report: Report) -> LibraryChecked:
    """A library checked on that many test examples a task."""
    library = open_library(str(root))
    return LibraryChecked(root, library.name, check.check_library(library, images, report), library.noun)


def ask_sizes(root: Path, suite: pull.Suite, report: Report) -> Planned:
    """What it takes to fetch a suite."""
    return Planned(root, suite, pull.plan(root, suite, report))


def fetch(root: Path, suite: pull.Suite, report: Report) -> Made:
    """A suite fetched, or the rest of one."""
    return _made(pull.pull(root, suite, report))


def _made(library: Library) -> Made:
    return Made(library.root, library.name, len(library.tasks))


def _path(source: Source, folder: Path, report: Report) -> Path:
    if isinstance(source, Path):
        return source
    report("Writing the upload", 0.0)
    return store(source, folder)


@contextmanager
def _kept(path: Path, copied: bool) -> Iterator[Path]:
    """A file that goes away when nothing refers to it: after a failure, and where its content was copied."""
    try:
        yield path
    except BaseException:
        path.unlink()
        raise
    if copied:
        path.unlink()
