"""Fixtures of all tests. One thread per process: results are the same everywhere, and tiny models run faster."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from otmf_core.runs.events import Event
from tests.tiny import merge_config, merged, write_library

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported, later, here and in processes that tests start


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that tests remember is remembered for the user."""
    os.environ["OTMF_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny library that no test changes."""
    return write_library(tmp_path_factory.mktemp("libraries") / "tiny")


@pytest.fixture
def own_tiny(tiny: Path, tmp_path: Path) -> Path:
    """A tiny library that the test may damage."""
    return Path(shutil.copytree(tiny, tmp_path / "own-tiny"))


@pytest.fixture(scope="session")
def default(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """A finished OTMF run of the tiny library, which no test changes, and its events."""
    events: list[Event] = []
    return merged(merge_config(tiny), tmp_path_factory.mktemp("default"), emit=events.append), events


@pytest.fixture
def out(tiny: Path, tmp_path: Path) -> Path:
    """A runs folder with an earlier run."""
    merged(merge_config(tiny, method="average"), tmp_path / "runs", "earlier")
    return tmp_path / "runs"
