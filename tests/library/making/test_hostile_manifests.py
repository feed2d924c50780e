"""Manifests that refer to files elsewhere, from somebody else: nothing is used that they do not have the hash of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otmf_core.errors import InputError
from otmf_core.library.library import Library, open_library
from otmf_core.library.making.add import NewTask, add_task
from tests.tiny import is_one_sentence

TASK = "shades-of-grey"


def edited(root: Path, change: Callable[[dict[str, Any]], object]) -> Library:
    path = root / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return open_library(str(root))


def checkpoint(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["tasks"][0]["checkpoint"]


def entry(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["files"][checkpoint(manifest)["files"][0]]


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: checkpoint(manifest).update(path="/etc/passwd"),
        lambda manifest: checkpoint(manifest).update(path="/dev/zero"),
        lambda manifest: checkpoint(manifest).update(path="../../etc/passwd"),
        lambda manifest: checkpoint(manifest).update(path="/nowhere/at/all"),
        lambda manifest: checkpoint(manifest).update(path="\0"),
        lambda manifest: checkpoint(manifest).update(files=["manifest.json"]),
        lambda manifest: checkpoint(manifest).update(files=[]),
        lambda manifest: checkpoint(manifest).update(files=["../x"]),
        lambda manifest: checkpoint(manifest).update(files="x"),
        lambda manifest: entry(manifest).update(at="/etc/passwd"),
        lambda manifest: entry(manifest).update(at="/dev/zero", bytes=0),
        lambda manifest: entry(manifest).update(at="model.safetensors"),
        lambda manifest: entry(manifest).update(at="/"),
        lambda manifest: entry(manifest).update(at=["/etc/passwd"]),
        lambda manifest: entry(manifest).update(sha256="0" * 64),
        lambda manifest: manifest["tasks"][0].update(checkpoint=7),
        lambda manifest: manifest["tasks"][0].update(calibration_split="all"),
    ],
)
def test_a_manifest_that_points_elsewhere(change: Callable, library: Path, shades: NewTask):
    add_task(library, shades)
    with pytest.raises(InputError) as caught:
        opened = edited(library, change)
        opened.check_task(TASK, ("calibration", "test"))
        opened.task_vector(TASK)
    assert is_one_sentence(str(caught.value))


def test_another_file_of_a_folder_is_not_opened_for_one_that_is_vouched_for(library: Path, shades: NewTask):
    """A folder may be named, whose files then all stand in the manifest."""
    add_task(library, shades)
    secret = shades.checkpoint.with_name("model.safetensors")
    secret.write_bytes(shades.checkpoint.read_bytes())
    (shades.checkpoint.parent / "config.json").write_text('{"model_type": "clip"}')
    opened = edited(library, lambda manifest: checkpoint(manifest).update(path=str(shades.checkpoint.parent)))
    with pytest.raises(InputError, match="every file of a library stands in its manifest: "):
        opened.expert(TASK)


def test_a_pipe_that_is_vouched_for_does_not_hang(library: Path, shades: NewTask, tmp_path: Path):
    add_task(library, shades)
    os.mkfifo(tmp_path / "pipe")
    digest = hashlib.sha256(b"").hexdigest()
    at = {"at": str(tmp_path / "pipe"), "bytes": 0, "sha256": digest}
    opened = edited(library, lambda manifest: entry(manifest).update(at))
    with pytest.raises(InputError, match=r"^the library is incomplete: "):
        opened.expert(TASK)
