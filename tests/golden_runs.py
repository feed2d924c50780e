"""Copies of the runs that earlier versions wrote (tests/golden), with the library that they were made with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otmf_core.library import library

GOLDEN = Path(__file__).resolve().parent / "golden"
DONE = ("20261122-100000-otmf-0001", "20261122-100100-otmf-0002", "20261122-100200-average-0003",
        "20261122-100300-task-arithmetic-0004")  # fmt: skip
DEFAULT = DONE[0]
STOPPED, WITHIN, FAILED, QUEUED = (
    f"20261122-{moment}-otmf-{number}"
    for moment, number in (("100400", "0005"), ("100500", "0006"), ("100700", "0007"), ("100800", "0008"))
)
ALL = (*DONE, STOPPED, WITHIN, FAILED, QUEUED)


def copied_runs(to: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs of format 1 as the new folder `to`; their library is the only one installed."""
    monkeypatch.setattr(library, "ASSETS", GOLDEN / "format-1/assets")
    return Path(shutil.copytree(GOLDEN / "format-1/runs", to))
