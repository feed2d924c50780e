"""What a queue of merges answers, wherever it has them carried out."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Protocol

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.view import RunView


class Queue(Protocol):
    """Merges of one runs folder; `GatedQueue` and `JobQueue` say what each of these does, and when a gate is asked."""

    @property
    def out(self) -> Path: ...

    @property
    def discarded(self) -> Set[str]: ...

    def submit(self, config: MergeConfig) -> str: ...

    def why_not(self, config: MergeConfig) -> InputError | None: ...

    def resume(self, run: str) -> None: ...

    def stop(self, run: str) -> None: ...

    def discard(self, run: str) -> None: ...

    def delete(self, run: str) -> None: ...

    def snapshot(self, run: str) -> RunView | None: ...

    def last_done(self) -> str | None: ...

    def active(self) -> tuple[tuple[str, str], ...]: ...

    def configs(self) -> Mapping[str, MergeConfig]: ...

    def has_room(self, device: str) -> bool:
        """Whether a merge on that device is to be asked for now, and not once another has ended."""
        ...

    def close(self) -> None: ...
