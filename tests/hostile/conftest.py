"""A sound library and a sound run of it, read once by every door: all modules are loaded before the first case."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hostile.box import Box, made_run
from tests.hostile.doors import export_doors, library_doors, merge_doors, refusals, run_doors
from tests.tiny import write_library


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny library of few images that every door reads."""
    root = write_library(tmp_path_factory.mktemp("sound") / "tiny", images=6)
    assert not refusals(library_doors(root))
    assert not refusals(merge_doors(root, root.parent / "runs"))
    return root


@pytest.fixture(scope="session")
def sound_run(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with features, notes and an export, that every door reads."""
    run = made_run(sound, tmp_path_factory.mktemp("sound-runs"))
    assert not refusals(run_doors(run))
    assert not refusals(export_doors(run))
    return run


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty place for one hostile input, with a folder beside it that nobody may touch."""
    return Box(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pipes, links and limits of memory are those of Linux and macOS."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not hasattr(os, "fork"):
            item.add_marker(pytest.mark.skip("hostile inputs are made on Linux and macOS"))
