"""A pre-trained model, a fine-tuned one and a data set of others, and a library begun with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.library.making.add import NewTask
from otmf_core.library.making.new import new_library
from otmf_core.library.making.splits import Sizes
from tests.hub import write_base, write_expert, write_folders


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of open_clip's, which no test changes."""
    return write_base(tmp_path_factory.mktemp("base") / "clip")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of classes, which no test changes: 10 pictures of each of three to train, 4 to test."""
    return write_folders(tmp_path_factory.mktemp("data"), {"train": 10, "test": 4})


@pytest.fixture
def library(base: Path, tmp_path: Path) -> Path:
    """A library without tasks."""
    new_library(tmp_path / "library", base, name="Ours")
    return tmp_path / "library"


@pytest.fixture
def shades(base: Path, data: Path, tmp_path: Path) -> NewTask:
    """A task that can be added."""
    expert = write_expert(tmp_path / "experts/shades.safetensors", base, 1)
    return NewTask("Shades of grey", expert, data, sizes=Sizes(calibration=9, labelled=12))
