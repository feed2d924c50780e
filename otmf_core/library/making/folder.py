"""A library's folder while it is being made: its manifest is written last, so that a file is in it or of no account."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from otmf_core.cache import remembered_sha256
from otmf_core.errors import InputError
from otmf_core.files import inside, not_written, write_json
from otmf_core.library.manifest import REFERRING, FileEntry, Manifest, TaskInfo, read_manifest
from otmf_core.settings import first_mistake

MANIFEST = "manifest.json"


def begin(root: Path, fields: Mapping[str, Any], files: Iterable[str]) -> None:
    """Write the manifest of a new library whose `files` lie in its folder; raises InputError where it is not right."""
    entries = {
        name: FileEntry(sha256=remembered_sha256(root / name), bytes=(root / name).stat().st_size) for name in files
    }
    try:
        manifest = Manifest(format=REFERRING, files=entries, tasks=(), **fields)
    except ValidationError as error:
        field, reason = first_mistake(error)
        raise InputError(f"a library's {field or 'manifest'} is not right: {reason}") from None
    _write(root, manifest)


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
    _write(root, manifest.model_copy(update={"format": REFERRING, "tasks": tuple(tasks), "files": entries}))


def _write(root: Path, manifest: Manifest) -> None:
    fields = manifest.model_dump(mode="json", exclude_defaults=True)
    write_json(root / MANIFEST, {"format": manifest.format, **fields})


def new_folder(root: Path) -> None:
    """Make an empty folder, or take one that is; raises InputError where there is something."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise InputError(f"a new library takes a new or empty folder: there is something in {root}")
    except OSError as error:
        raise not_written(error, root) from None
