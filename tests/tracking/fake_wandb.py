"""A stand-in for wandb that records what it is called with; it takes no call that the real one would not."""

from __future__ import annotations

import io
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

INIT = {"project", "dir", "mode", "id", "name", "resume", "reinit", "config", "settings"}


class FakeRun:
    """One part of a run; `broken` logs raise."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.axes: dict[str, str | None] = {}
        self.logged: list[dict[str, Any]] = []
        self.artifacts: list[Any] = []
        self.exit_code: int | None = None
        self.broken = False

    def define_metric(self, name: str, step_metric: str | None = None, hidden: bool | None = None) -> None:
        self.axes[name] = step_metric

    def log(self, data: dict[str, Any]) -> None:
        if self.broken:
            raise ConnectionError("the server\nis gone: https://key@host/x")
        self.logged.append(data)

    def log_artifact(self, artifact: Any) -> None:
        self.artifacts.append(artifact)

    def finish(self, exit_code: int | None = None) -> None:
        self.exit_code = exit_code


class FakeArtifact:
    def __init__(self, name: str, type: str) -> None:
        self.name, self.type, self.files = name, type, {}

    @contextmanager
    def new_file(self, name: str, mode: str = "x", encoding: str | None = None):
        file = io.StringIO()
        yield file
        self.files[name] = file.getvalue()


class FakeWandb(ModuleType):
    """The module; `runs` are the parts of runs, in their order, and `break_at` the part whose logs raise."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.__spec__ = ModuleSpec("wandb", None)
        self.runs: list[FakeRun] = []
        self.refuses: Exception | None = None
        self.breaks = False
        self.Artifact = FakeArtifact
        self.Settings = SimpleNamespace
        self.Table: Any = lambda columns, data: {"columns": columns, "data": data}
        self.Image = lambda pixels: {"pixels": pixels}

    def init(self, **options: Any) -> FakeRun:
        assert options.keys() <= INIT
        if self.refuses:
            raise self.refuses
        run = FakeRun(options)
        run.broken = self.breaks
        self.runs.append(run)
        return run
