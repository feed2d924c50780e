"""Runs made of figures alone, without a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.runs.folder import Run
from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import RunState


def made_run(name: str, config: MergeConfig, library: str = "", **record: Any) -> Run:
    """A finished run of `config` on the library of that hash, whose record has these fields beside plain ones."""
    plain = {"tasks": config.tasks, "matrix": (), "individual": (), "seconds": 1.0, **config.stamp()}
    state = RunState(tasks=config.tasks, library=library)
    return Run(name, Path(name), "done", "", "", config, state, RunRecord(**{**plain, **record}))
