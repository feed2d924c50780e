"""What the queue asks of an engine, and the engine of merges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from otmf_core.config import MergeConfig
from otmf_core.runs.events import Emit
from otmf_core.runs.record import RunRecord


class Engine(Protocol):
    """The calls the queue makes; `otmf_core.merging.merge` is the engine, tests bring their own.

    `device` is the one to merge on, where the configuration leaves that open.
    """

    def run_merge(
        self, config: MergeConfig, out: Path, *, emit: Emit, should_stop: Callable[[], bool], run_id: str, device: str
    ) -> RunRecord: ...

    def resume_merge(self, path: Path, *, emit: Emit, should_stop: Callable[[], bool], device: str) -> RunRecord: ...

    def devices(self) -> tuple[str, ...]: ...


def merging_engine() -> Engine:
    """The engine of merges, loaded when it is first asked for."""
    from otmf_core.merging import merge  # torch: imported by the background thread, never on the way to a first paint

    return merge
