"""The bytes of run folders, held against sizes that the tests write themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.errors import InputError
from otmf_core.runs.usage import folder_bytes, runs_bytes


def write(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def test_a_folder_has_the_bytes_of_its_files_at_any_depth(tmp_path: Path):
    write(tmp_path / "a", 10)
    write(tmp_path / "steps" / "02" / "b", 200)
    write(tmp_path / "empty", 0)
    assert folder_bytes(tmp_path) == 210
    assert folder_bytes(tmp_path / "nowhere") == 0


def test_links_count_for_nothing(tmp_path: Path):
    write(tmp_path / "elsewhere" / "large", 5000)
    write(tmp_path / "run" / "own", 7)
    (tmp_path / "run" / "file").symlink_to(tmp_path / "elsewhere" / "large")
    (tmp_path / "run" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "run" / "itself").symlink_to(tmp_path / "run")
    assert folder_bytes(tmp_path / "run") == 7


def test_runs_damaged_ones_and_drafts_are_counted_and_other_folders_are_not(tmp_path: Path):
    write(tmp_path / "whole" / "status.json", 100)
    write(tmp_path / "whole" / "merged.safetensors", 1000)
    write(tmp_path / "damaged" / "config.json", 3)
    write(tmp_path / ".import-x" / "run" / "merged.safetensors", 50)
    write(tmp_path / "holiday" / "picture.jpg", 9999)
    write(tmp_path / "file", 9999)
    assert runs_bytes(tmp_path) == {"whole": 1100, "damaged": 3, ".import-x": 50}


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path):
    assert runs_bytes(tmp_path / "nowhere") == {}
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="must be readable"):
        runs_bytes(tmp_path / "file")
