"""A stand-in for otmf_core.library.making: the same calls, answers and files, without models.

It keeps what it was asked. `wait` holds every call back until it is set; `error` ends each with that exception.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from dashboard.app_pages.library.jobs import Report
from otmf_core.library.library import Library, open_library
from otmf_core.library.making import add, check, new, pull

CHECKED = check.Checked(
    "ViT-B/32",
    (
        check.TaskCheck("red", "Red", "open clip", "F16", 0.05, 0.1, 200, 40.0, 90.0, 41.0, 91.0),
        check.TaskCheck("green", "Green", "huggingface", "F32", trouble=("a file is missing: **x**",)),
    ),
    ("task vectors differ 4.0 times in length",),
)


NOTES = ("names are *taken*",)


class FakeMaking:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wait = threading.Event()
        self.wait.set()
        self.error: BaseException | None = None
        self.asked: list[tuple[str, Path, Any]] = []
        self.read: list[bytes] = []  # the checkpoints, as they were when it was asked
        for module, name in ((new, "new_library"), (add, "add_task"), (check, "check_library")):
            monkeypatch.setattr(module, name, getattr(self, name))
        for name in ("plan", "pull"):
            monkeypatch.setattr(pull, name, getattr(self, name))

    def new_library(self, root: Path, backbone: Path, *, report: Report, **options: Any) -> Library:
        self._asked("new", root, {"backbone": backbone, **options}, report)
        self._read(backbone)
        return self._library(root)

    def add_task(self, root: Path, task: add.NewTask, report: Report) -> add.Added:
        self._read(task.checkpoint)
        self._asked("add", root, task, report)
        return add.Added(task.name, "open_clip", "F16", 0.05, {"calibration": 256, "test": 1880}, NOTES)

    def check_library(self, library: Library, images: int, report: Report) -> check.Checked:
        self._asked("check", library.root, images, report)
        return CHECKED

    def plan(self, root: Path, suite: pull.Suite, report: Report) -> pull.Plan:
        self._asked("plan", root, suite, report)
        return pull.Plan(1_000_000_000, 7_000_000_000, 90_000_000_000)

    def pull(self, root: Path, suite: pull.Suite, report: Report) -> Library:
        self._asked("pull", root, suite, report)
        return self._library(root)

    def _asked(self, call: str, root: Path, what: Any, report: Report) -> None:
        self.asked.append((call, root, what))
        report("Working", 0.5)
        assert self.wait.wait(20)
        report("Working on", 0.6)
        if self.error:
            raise self.error

    def _read(self, path: Path) -> None:
        if path.is_file():
            self.read.append(path.read_bytes())

    @staticmethod
    def _library(root: Path) -> Library:
        root.mkdir(parents=True)
        fields = {"format": 2, "id": root.name, "name": root.name, "backbone": {}, "tasks": [], "files": {}}
        (root / "manifest.json").write_text(json.dumps(fields))
        return open_library(str(root))
