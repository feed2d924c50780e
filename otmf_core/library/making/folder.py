"""A library's folder while it is being made: its manifest is written last, so that a file is in it or of no account."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from otmf_core.cache import remembered_sha256
from otmf_core.errors import InputError
from otmf_core.files import inside, not_written, shown, write_json
from otmf_core.library.known_tasks import SUITES, suite
from otmf_core.library.manifest import OF_TEXTS, REFERRING, FileEntry, Manifest, TaskInfo, read_manifest
from otmf_core.settings import first_mistake

MANIFEST = "manifest.json"
M = TypeVar("M", bound=BaseModel)


def begin(root: Path, fields: Mapping[str, Any], files: Iterable[str]) -> None:
    """Write the manifest of a new library whose `files` lie in its folder; raises InputError where it is not right."""
    entries = {
        name: FileEntry(sha256=remembered_sha256(root / name), bytes=(root / name).stat().st_size) for name in files
    }
    form = OF_TEXTS if fields["backbone"].get("kind") == "t5" else REFERRING
    _write(root, described(Manifest, format=form, files=entries, tasks=(), **fields))


def include(root: Path, task: TaskInfo, files: Mapping[str, Path]) -> None:
    """Add a task, or put it in the place of the one of its id; `files` are all that it names, by name in the manifest.

    Those that lie elsewhere are referred to by their whole path and hash.
    """
    manifest = read_manifest(root / MANIFEST)
    entries = dict(manifest.files)
    for name, path in files.items():
        entry: dict[str, Any] = {"sha256": remembered_sha256(path), "bytes": path.stat().st_size}
        if path.resolve() != inside(root, name):
            entry["at"] = os.path.abspath(path)
        entries[name] = FileEntry(**entry)
    tasks = [known for known in manifest.tasks if known.id != task.id]
    position = next((i for i, known in enumerate(manifest.tasks) if known.id == task.id), len(tasks))
    tasks.insert(position, task)
    form = max(manifest.format, REFERRING)
    changed = {"format": form, "tasks": tuple(tasks), "files": entries, "suites": suites([t.id for t in tasks])}
    _write(root, manifest.model_copy(update=changed))


def suites(tasks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The field's suites of 8, 14 and 20 in their canonical order, as far as all of their tasks are there, and all."""
    found = {str(size): tuple(task.id for task in suite(size)) for size in SUITES}
    whole = {name: names for name, names in found.items() if set(names) <= set(tasks)}
    return whole | ({} if str(len(tasks)) in whole else {str(len(tasks)): tuple(tasks)})


def _write(root: Path, manifest: Manifest) -> None:
    fields = manifest.model_dump(mode="json", exclude_defaults=True)
    write_json(root / MANIFEST, {"format": manifest.format, **fields})


def described(model: type[M], **fields: Any) -> M:
    """A part of a manifest; raises InputError, naming the field, on what no manifest says."""
    try:
        return model(**fields)
    except ValidationError as error:
        field, reason = first_mistake(error)
        raise InputError(f"a manifest is right as a whole: {shown(field)} is not ({reason})") from None


def new_folder(root: Path) -> None:
    """Make an empty folder, or take one that is; raises InputError where there is something."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise InputError(f"a new library takes a new or empty folder: there is something in {root}")
    except OSError as error:
        raise not_written(error, root) from None
