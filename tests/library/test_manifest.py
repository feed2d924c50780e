"""A manifest is right as a whole, or refused in one sentence that names the field."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from tests.tiny import is_one_sentence

VALUES: list[Any] = [None, [], {}, "x", 7, 10**400, True, [[[]]], "", "a\0b", "x" * 30_000, "a\u202eb"]


def refusal(root: Path, change: Callable[[dict], object]) -> str:
    path = root / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError) as caught:
        open_library(str(root))
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("key", ["name", "id", "backbone", "tasks", "suites", "files", "description", "recipe"])
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_every_value_of_another_type_is_refused_or_read(key: str, value: Any, own_tiny: Path):
    path = own_tiny / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    try:
        library = open_library(str(own_tiny))
    except InputError as error:
        assert is_one_sentence(str(error)) and str(path) in str(error)
    else:
        assert (key, value) in (
            ("name", "x"), ("id", "x"), ("suites", {}), ("backbone", {}), ("files", {}), ("recipe", {}), ("tasks", []),
            ("description", "x"), ("description", ""),
        )  # fmt: skip
        assert isinstance(library.tasks, tuple)


@pytest.mark.parametrize("key", ["id", "name", "classes", "head", "task_vector", "test", "licence"])
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_every_value_of_another_type_in_a_task_is_refused_or_read(key: str, value: Any, own_tiny: Path):
    path = own_tiny / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["suites"] = {}
    manifest["tasks"][1][key] = value
    path.write_text(json.dumps(manifest))
    try:
        library = open_library(str(own_tiny))
    except InputError as error:
        assert is_one_sentence(str(error)) and f"tasks.1.{key}" in str(error)
    else:
        assert (
            value == "x"
            or (value is None and key in ("head", "task_vector", "test"))
            or (key, value) == ("licence", "")
        )
        assert len(library.tasks) == 3


@pytest.mark.parametrize("key", ["id", "name", "classes"])
def test_a_task_without_a_part(key: str, own_tiny: Path):
    said = refusal(own_tiny, lambda manifest: manifest["tasks"][1].pop(key))
    assert said.startswith(f"a manifest is right as a whole: 'tasks.1.{key}' is not (Field required) in ")


def test_a_task_stands_in_it_once(own_tiny: Path):
    said = refusal(own_tiny, lambda manifest: manifest["tasks"].append(manifest["tasks"][0]))
    assert "a task stands in a manifest once, received twice: 'red'" in said


def test_suites_are_made_of_its_tasks(own_tiny: Path):
    assert "'2' has 'pink'" in refusal(own_tiny, lambda manifest: manifest.update(suites={"2": ["red", "pink"]}))
    assert "'2' has one twice" in refusal(own_tiny, lambda manifest: manifest.update(suites={"2": ["red", "red"]}))


@pytest.mark.parametrize("entry", [None, [], {}, {"sha256": 7}, {"sha256": ""}, {"sha256": "0" * 63}, "x"])
def test_every_file_has_a_hash(entry: object, own_tiny: Path):
    name = "tasks/red/head.safetensors"
    assert "files.tasks/red/head.safetensors" in refusal(
        own_tiny, lambda manifest: manifest["files"].update({name: entry})
    )


@pytest.mark.parametrize("size", [-1, 1.5, "7", True])
def test_a_size_is_a_number_of_bytes(size: object, own_tiny: Path):
    name = "tasks/red/head.safetensors"
    assert "bytes" in refusal(own_tiny, lambda manifest: manifest["files"][name].update(bytes=size))


@pytest.mark.parametrize("name", ["x" * 900, "tasks", ".", "loop.safetensors", "tasks/red/pipe.safetensors", "~/x"])
def test_paths_that_lead_nowhere(name: str, own_tiny: Path):
    import os

    (own_tiny / "loop.safetensors").symlink_to("loop.safetensors")
    os.mkfifo(own_tiny / "tasks/red/pipe.safetensors")
    path = own_tiny / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tasks"][0]["head"] = name
    manifest["files"][name] = {"sha256": "0" * 64}
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError) as caught:
        open_library(str(own_tiny)).head("red")
    assert str(caught.value).startswith(("the library is incomplete: ", "a file must lie inside its folder: "))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\ud800", "/proc/self/mem", "/dev/null"])
def test_a_library_of_a_name_that_no_disk_has(name: str):
    with pytest.raises(InputError, match=r"^a library is installed "):
        open_library(name)
