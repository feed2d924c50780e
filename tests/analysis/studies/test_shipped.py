"""Studies on disk: what was written comes back, and nothing else comes in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otmf_core.analysis.studies.mask_memory import MASK_MEMORY, Entries
from otmf_core.analysis.studies.measured import read_measured, write_measured
from otmf_core.analysis.studies.shipped import shipped_study, write_study
from otmf_core.analysis.studies.table import STUDIES
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.runs.folder import Run, load_run
from tests.tiny import is_one_sentence, merge_config, merged

ROWS = [Entries(family="none", entries=0), Entries(family="element", entries=12)]


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = merge_config(tiny, method="task-arithmetic", scaling=0.2, retained=True)
    return load_run(merged(config, tmp_path_factory.mktemp("runs")))


def test_a_study_comes_back_as_it_was_written(run: Run, own_tiny: Path):
    library = open_library(str(own_tiny))
    assert shipped_study(library, MASK_MEMORY) is None
    write_study(own_tiny / "studies/mask-memory.json", MASK_MEMORY, [run], ROWS, "otmf study", "two cores")
    found = shipped_study(library, MASK_MEMORY)
    assert found is not None
    assert (found.command, found.conditions, found.measured) == ("otmf study", "two cores", tuple(ROWS))
    assert [each.id for each in found.runs] == [run.id]
    assert MASK_MEMORY.found(found.runs, found.measured).rows[0]["name"] == "none"
    (own_tiny / "studies/mask-memory-measured.json").unlink()
    assert shipped_study(library, MASK_MEMORY) is None


def test_a_study_of_another_state_of_the_library_is_left_out(run: Run, own_tiny: Path):
    write_study(own_tiny / "studies/mask-memory.json", MASK_MEMORY, [run], ROWS, "otmf study", "")
    manifest = own_tiny / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    assert shipped_study(open_library(str(own_tiny)), MASK_MEMORY) is None


def test_merges_that_are_not_the_studys_are_refused(tiny: Path, own_tiny: Path, tmp_path: Path):
    other = load_run(merged(merge_config(tiny, method="average"), tmp_path))
    write_study(own_tiny / "studies/mask-memory.json", MASK_MEMORY, [other], ROWS, "otmf study", "")
    with pytest.raises(InputError, match="a study's runs are its own merges: 'run' is none of mask-memory's"):
        shipped_study(open_library(str(own_tiny)), MASK_MEMORY)


def _row(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda file: file["rows"][0].update(fields)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_row(entries=-1), "rows"),
        (_row(entries="12"), "12"),
        (_row(entries=10**19), "entries"),
        (_row(family="a\nb"), "family"),
        (_row(more=1), "more"),
        (lambda file: file["rows"].append(3), "rows"),
        (lambda file: file.update(rows=None), "rows"),
        (lambda file: file.update(rows=[{}] * 10_001), "rows"),
        (lambda file: file.update(format=2), "format"),
        (lambda file: file.update(study="heads"), "mask-memory expected, 'heads'"),
        (lambda file: file.update(command="x" * 301), "command"),
        (lambda file: file.pop("study"), "study"),
    ],
)
def test_damaged_measurements_are_refused_in_a_sentence(
    tmp_path: Path, damage: Callable[[dict[str, Any]], object], said: str
):
    file = tmp_path / "m.json"
    write_measured(file, MASK_MEMORY, ROWS, "otmf study", "hash", "")
    assert read_measured(file, "mask-memory").rows == tuple(ROWS)
    fields = json.loads(file.read_text())
    damage(fields)
    file.write_text(json.dumps(fields))
    with pytest.raises(InputError) as caught:
        read_measured(file, "mask-memory")
    assert is_one_sentence(str(caught.value))
    assert str(file) in str(caught.value)


def test_every_study_asks_one_question():
    for name, study in STUDIES.items():
        assert study.name == name
        assert study.question.endswith("?")
        assert (study.measured is None) == (study.measure is None)
