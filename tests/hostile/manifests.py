"""Manifests of libraries with a wrong value in every field, and with paths that lead elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile.case import NO_OBJECTS, WRONG, Case, Damage, Expected, json_file, setting, without

MANIFEST = "manifest.json"
HEAD = "tasks/green/head.safetensors"
TASK_FIELDS = ("id", "name", "classes", "task_vector", "head", "calibration", "test")
SOURCES = ("train_source", "test_source", "licence")  # that a manifest need not have
SOUND = {("id", "text"), ("name", "text"), ("suites", "object")}  # values that their field may have
# Unlike the others, these may stand for a value that is right (True is 1, an object of no suites is none).
UNSURE = {("format", "true"), ("suites", "null"), ("suites", "list")}


def cases() -> Iterator[Case]:
    """A case for every wrong value."""
    for name, text in NO_OBJECTS.items():
        yield Case(f"manifest is {name}", lambda root, text=text: (root / MANIFEST).write_bytes(text))
    for key in ("format", "id", "name", "backbone", "tasks", "suites", "files"):
        yield Case(f"manifest without {key}", _changed(without(key)), "read" if key == "suites" else "refused")
        for label, value in WRONG.items():
            yield Case(f"manifest's {key} is {label}", _changed(setting(key, to=value)), _expected(key, label))
    yield from _tasks()
    yield from _suites()
    yield from _backbone_and_files()
    yield from _paths()


def _changed(change: Callable[[Any], object]) -> Damage:
    return json_file(MANIFEST, change)


def _expected(key: str, label: str) -> Expected:
    if (key, label) in SOUND:
        return "read"
    return "either" if (key, label) in UNSURE else "refused"


def _tasks() -> Iterator[Case]:
    for key in TASK_FIELDS:
        yield Case(f"task without {key}", _changed(without("tasks", 1, key)))
        for label, value in WRONG.items():
            sound: Expected = "read" if (key, label) == ("name", "text") else "refused"
            yield Case(f"task's {key} is {label}", _changed(setting("tasks", 1, key, to=value)), sound)
    for key in SOURCES:
        for label in ("null", "list", "number", "nested"):
            yield Case(f"task's {key} is {label}", _changed(setting("tasks", 1, key, to=WRONG[label])), "either")
    for label in ("text", "number", "null", "list"):
        yield Case(f"a task is {label}", _changed(setting("tasks", 1, to=WRONG[label])))
    for label, classes in {"one": ["a"], "twice the same": ["a", "a", "b"], "numbers": [1, 2, 3]}.items():
        yield Case(f"task's classes are {label}", _changed(setting("tasks", 1, "classes", to=classes)), "either")
    yield Case("a task is there twice", _changed(lambda m: m["tasks"].append({**m["tasks"][0], "name": "Again"})))


def _suites() -> Iterator[Case]:
    for label in ("null", "text", "number", "nested", "true"):
        yield Case(f"a suite is {label}", _changed(setting("suites", "3", to=WRONG[label])))
    yield Case("a suite names an unknown task", _changed(setting("suites", "3", to=["red", "pink"])), "either")
    yield Case("a suite names a task twice", _changed(setting("suites", "3", to=["red", "red"])), "either")


def _backbone_and_files() -> Iterator[Case]:
    for key in ("config", "weights"):
        yield Case(f"backbone without {key}", _changed(without("backbone", key)))
        for label, value in WRONG.items():
            yield Case(f"backbone's {key} is {label}", _changed(setting("backbone", key, to=value)))
    entries = {
        "null": None, "a text": "x", "a list": [], "empty": {}, "without a hash": {"bytes": 5},
        "of a number as hash": {"sha256": 7}, "of an empty hash": {"sha256": ""}, "of no hash": {"sha256": None},
    }  # fmt: skip
    for label, entry in entries.items():
        yield Case(f"a file's entry is {label}", _changed(setting("files", HEAD, to=entry)))
    for label, size in {"text": "5", "below zero": -1, "null": None, "huge": 10**400, "true": True}.items():
        yield Case(f"a file's size is {label}", _changed(setting("files", HEAD, "bytes", to=size)), "either")


def _paths() -> Iterator[Case]:
    names = (
        "../outside/head.safetensors", "tasks/red/../../../outside/head.safetensors", "/etc/passwd", "", ".", "tasks",
        "a\0b", f"{HEAD}\0", "x" * 5_000, "\ud800", "~", "file:///etc/passwd", "s3://bucket/head.safetensors",
    )  # fmt: skip
    for name in names:
        yield Case(f"a head lies at {name[:40]!r}", _changed(lambda m, name=name: _head_at(m, name)))
    outside = Path("../../../outside/head.safetensors")
    yield Case("a link leads out of the folder", _linked(HEAD, outside))
    yield Case("a link leads to itself", _linked(HEAD, Path("head.safetensors")))
    yield Case("a link stays inside", _linked("tasks/green/head.safetensors", Path("../red/head.safetensors")))
    yield Case("a folder is a link that leads out", _moved_out)
    yield Case("a head is a pipe", _pipe(HEAD))
    yield Case("the manifest is a pipe", _pipe(MANIFEST))
    yield Case("the manifest is a folder", _folder(MANIFEST))
    yield Case("a head is a folder", _folder(HEAD))
    yield Case("a head is missing", lambda root: (root / HEAD).unlink())
    yield Case("a head is another than vouched for", lambda root: (root / HEAD).write_bytes(b"x" * 5))


def _head_at(manifest: Any, name: str) -> None:
    entry = manifest["files"][HEAD]
    manifest["tasks"][1]["head"] = name
    manifest["files"][name] = entry


def _linked(name: str, to: Path) -> Damage:
    def damage(root: Path) -> None:
        (root / name).unlink()
        (root / name).symlink_to(to)

    return damage


def _moved_out(root: Path) -> None:
    shutil.move(root / "tasks/green", root.parent / "outside/green")
    (root / "tasks/green").symlink_to(root.parent / "outside/green")


def _pipe(name: str) -> Damage:
    def damage(root: Path) -> None:
        (root / name).unlink()
        os.mkfifo(root / name)

    return damage


def _folder(name: str) -> Damage:
    def damage(root: Path) -> None:
        (root / name).unlink()
        (root / name).mkdir()

    return damage
