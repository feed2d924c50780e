"""What jobs on libraries leave on the disk: uploads under safe names, kept only where a library refers to them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dashboard.app_pages.library import uploads
from dashboard.app_pages.library.uploads import store
from dashboard.app_pages.library.work import add_to, make
from otmf_core.errors import InputError
from otmf_core.library.making.add import NewTask
from tests.dashboard.fake_making import FakeMaking
from tests.tiny import is_one_sentence


class Upload(io.BytesIO):
    def __init__(self, name: str, content: bytes = b"weights"):
        super().__init__(content)
        self.name, self.size = name, len(content)


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> FakeMaking:
    return FakeMaking(monkeypatch)


def silent(text: str, done: float) -> None:
    pass


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("model.safetensors", "model.safetensors"),
        ("Mein Modell (2).PT", "Mein-Modell-2.pt"),
        ("../../etc/passwd.bin", "passwd.bin"),
        (r"C:\models\clip.bin", "clip.bin"),
        ("..bin", "model.bin"),
        (f"{'a' * 300}.pt", f"{'a' * 60}.pt"),
        ("\u202ezip.\x00pt.safetensors", "zip-pt.safetensors"),
    ],
)
def test_an_upload_has_a_plain_name(name: str, kept: str, tmp_path: Path):
    path = store(Upload(name), tmp_path / "uploads")
    assert path == tmp_path / "uploads" / kept
    assert path.read_bytes() == b"weights"
    assert [file.name for file in path.parent.iterdir()] == [kept]


def test_no_upload_takes_the_place_of_another(tmp_path: Path):
    names = [store(Upload("a.pt", content), tmp_path).name for content in (b"1", b"2", b"3")]
    assert names == ["a.pt", "a-1.pt", "a-2.pt"]
    assert (tmp_path / "a.pt").read_bytes() == b"1"


@pytest.mark.parametrize(("name", "most"), [("model.exe", 10), ("model.zip", 10), ("a.pt", 3)])
def test_other_files_and_larger_ones_are_refused(name: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", most)
    with pytest.raises(InputError, match="an upload") as caught:
        store(Upload(name), tmp_path)
    assert is_one_sentence(str(caught.value))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [None, InputError("no"), IndexError("no")])
def test_the_upload_of_a_new_library_is_not_kept(error: Exception | None, making: FakeMaking, tmp_path: Path):
    making.error = error
    try:
        made = make(tmp_path / "mine", Upload("model.pt"), "gelu", None, silent)
        assert (made.root, made.name, made.tasks) == (tmp_path / "mine", "mine", 0)
    except (InputError, IndexError) as raised:
        assert raised is error
    else:
        assert making.read == [b"weights"]
    assert [path.name for path in tmp_path.iterdir()] == ([] if error else ["mine"])


@pytest.mark.parametrize(("copy", "kept"), [(False, ["model.pt"]), (True, [])])
def test_an_upload_is_kept_where_the_library_refers_to_it(
    copy: bool, kept: list[str], making: FakeMaking, tmp_path: Path
):
    outcome = add_to(tmp_path, NewTask("red", Path(), tmp_path, copy=copy), Upload("model.pt"), silent)
    assert outcome.added.task == "red"
    assert making.asked[0][2].checkpoint == tmp_path / "uploads" / "model.pt"
    assert making.read == [b"weights"]
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == kept


def test_an_upload_that_is_refused_leaves_nothing(making: FakeMaking, tmp_path: Path):
    making.error = InputError("no")
    with pytest.raises(InputError):
        add_to(tmp_path, NewTask("red", Path(), tmp_path), Upload("model.pt"), silent)
    assert not list((tmp_path / "uploads").iterdir())
