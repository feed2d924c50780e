"""The disk of a merge: counted by hand, and held against the files of real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otmf_core.forecast.disk import TABLES, disk_use
from otmf_core.library.library import open_library
from otmf_core.models.checkpoints import parameters
from otmf_core.runs.usage import folder_bytes
from tests.tiny import merge_config, merged, stopped_within


def weights(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("fields", "each"),
    [
        ({"method": "average"}, 4),  # the merged vector in float32, and nothing of the fusions
        ({}, 4 + 2 * 4),  # two masks in float16 for each of two fusions
        ({"masks": "low-rank"}, 4 + 2 * 4),
        ({"masks": "row"}, 4),
        ({"masks": "singular"}, 4 + 2 * 2),  # the merged vector of every fusion in float16
        ({"method": "distillation"}, 4 + 2 * 2),
        ({"method": "joint-masks"}, 4 + 2),  # learns at its last step alone
    ],
)
def test_what_a_run_keeps_is_counted(tiny: Path, tmp_path: Path, fields: dict[str, Any], each: int):
    library, config = open_library(str(tiny)), merge_config(tiny, **fields)
    count = parameters(library.tower_header)
    assert len(config.tasks) == 3
    assert disk_use(config, library).kept == each * count + 4 * TABLES
    run = merged(config, tmp_path)
    assert weights(run) == pytest.approx(each * count, rel=0.15, abs=60_000)  # small masks, headers
    assert folder_bytes(run) <= disk_use(config, library).kept


def test_a_model_that_grows_keeps_what_it_grew(tiny: Path, tmp_path: Path):
    library, config = open_library(str(tiny)), merge_config(tiny, method="mingle")
    run = merged(config, tmp_path)
    use = disk_use(config, library)
    assert weights(run) <= use.kept
    assert folder_bytes(run) <= use.kept + use.beside


def test_an_unfinished_fusion_lies_beside_what_is_kept(tiny: Path, tmp_path: Path):
    library, config = open_library(str(tiny)), merge_config(tiny, checkpoint_seconds=0)
    stopped_within(config, tmp_path)
    use, count = disk_use(config, library), parameters(library.tower_header)
    assert use.beside == 2 * 4 * count + 2 * 16 * count
    assert 16 * count < weights(tmp_path / "run" / "resume") <= use.beside
