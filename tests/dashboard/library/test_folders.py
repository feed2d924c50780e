"""The folder of libraries made on the page: where it is, what lies in it, which names and paths may be typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dashboard.library import folders
from dashboard.library.folders import folder_of, is_made_here, libraries_folder, made_libraries, typed_path
from dashboard.library.picker import offered_libraries
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from tests.tiny import is_one_sentence


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, empty."""
    monkeypatch.setenv("OTMF_LIBRARIES", str(tmp_path / "libraries"))
    monkeypatch.delenv("OTMF_FILES", raising=False)
    (tmp_path / "libraries").mkdir()
    return tmp_path / "libraries"


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        typed_path(text, "the model")
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def test_it_is_beside_the_runs_unless_it_is_stated(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert libraries_folder() == made
    monkeypatch.delenv("OTMF_LIBRARIES")
    monkeypatch.setenv("OTMF_RUNS", str(tmp_path / "mine" / "runs"))
    assert libraries_folder() == tmp_path / "mine" / "libraries"
    monkeypatch.delenv("OTMF_RUNS")
    assert libraries_folder() == folders.ROOT / "libraries"


def test_libraries_are_called_by_their_manifests_and_damaged_ones_by_their_folders(tiny: Path, made: Path):
    shutil.copytree(tiny, made / "one")
    shutil.copytree(tiny, made / ".hidden")
    (made / "two").mkdir()
    (made / "two" / "manifest.json").write_text("{")
    (made / "none").mkdir()
    assert made_libraries() == {str(made / "one"): "Tiny", str(made / "two"): "two"}


def test_a_new_name_is_seen(tiny: Path, made: Path):
    shutil.copytree(tiny, made / "one")
    assert list(made_libraries().values()) == ["Tiny"]
    manifest = json.loads((made / "one" / "manifest.json").read_text())
    (made / "one" / "manifest.json").write_text(json.dumps(manifest | {"name": "Renamed"}))
    assert list(made_libraries().values()) == ["Renamed"]


def test_no_two_are_called_alike(tiny: Path, made: Path):
    for name in ("one", "two"):
        shutil.copytree(tiny, made / name)
    assert list(offered_libraries().values())[-2:] == ["Tiny", "Tiny (two)"]


def test_tasks_are_added_to_what_lies_in_it(tiny: Path, made: Path, tmp_path: Path):
    shutil.copytree(tiny, made / "one")
    shutil.copytree(tiny, tmp_path / "elsewhere")
    (made / "link").symlink_to(tmp_path / "elsewhere")
    assert is_made_here(open_library(str(made / "one")))
    assert not is_made_here(open_library(str(tmp_path / "elsewhere")))
    assert not is_made_here(open_library(str(made / "link")))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a b", "a.b", "ä", "a" * 61, "a\n"])
def test_a_name_is_plain(name: str):
    with pytest.raises(InputError, match="a library's name is 1 to 60 letters") as caught:
        folder_of(name)
    assert is_one_sentence(str(caught.value))


def test_a_name_is_a_folder_in_it(made: Path):
    assert folder_of("My-clip_2") == made / "My-clip_2"


def test_any_path_may_be_typed(tmp_path: Path):
    assert typed_path(f"  {tmp_path}  ", "the model") == tmp_path
    assert "a path on the machine that runs this program, received none" in refusal(" ")
    assert "a whole path" in refusal("models/clip")
    assert "is not there" in refusal(str(tmp_path / "nothing"))
    assert "leads nowhere" in refusal(f"{tmp_path}/{'a' * 300}")
    assert "zero byte" in refusal("/a\0b")


def test_paths_lie_in_the_folder_that_a_server_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shared, secret = tmp_path / "shared", tmp_path / "secret"
    shared.mkdir()
    secret.mkdir()
    (shared / "link").symlink_to(secret)
    monkeypatch.setenv("OTMF_FILES", str(shared))
    assert typed_path(str(shared), "the model") == shared
    for path in (secret, shared / "link", shared / ".." / "secret", secret / "nothing"):
        assert "where this server's files are" in refusal(str(path))
