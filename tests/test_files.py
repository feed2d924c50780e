"""Files are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from otmf_core import files
from otmf_core.errors import InputError

WRITERS: dict[str, Callable[[Path], None]] = {
    "json": lambda path: files.write_json(path, {"α": [1, None]}),
    "safetensors": lambda path: files.write_tensors(path, {"a": torch.arange(6.0)}, {"step": "2"}),
    "parquet": lambda path: files.write_table(path, {"x": [1, 2], "y": ["a", "b"]}),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_is_written_where_no_folder_was(kind: str, tmp_path: Path):
    path = tmp_path / "deep" / "er" / f"file.{kind}"
    WRITERS[kind](path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_what_was_written_is_read_back(tmp_path: Path):
    for kind, write in WRITERS.items():
        write(tmp_path / kind)
    assert files.read_json(tmp_path / "json") == {"α": [1, None]}
    assert pq.read_table(tmp_path / "parquet").to_pydict() == {"x": [1, 2], "y": ["a", "b"]}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_previous_file_and_no_other(
    kind: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / f"file.{kind}"
    WRITERS[kind](path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError) as caught:
        WRITERS[kind](path)
    assert str(caught.value) == f"the disk is full: {path} was not written"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_real_full_device(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The draft is made a link to /dev/full, on which every write fails with ENOSPC."""
    path = tmp_path / f"file.{kind}"
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"^the disk is full: "):
        WRITERS[kind](path)
    assert not path.exists()


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_stands_where_a_folder_should(kind: str, tmp_path: Path):
    (tmp_path / "taken").write_text("")
    path = tmp_path / "taken" / f"file.{kind}"
    with pytest.raises(InputError, match=r"^the folder must be writable: "):
        WRITERS[kind](path)
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_read_only_folder(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def read_only(old: Path, new: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "replace", read_only)
    with pytest.raises(InputError, match=r"^the folder must be writable: .*\(Read-only file system\)$"):
        WRITERS[kind](tmp_path / f"file.{kind}")
    assert not list(tmp_path.iterdir())


def test_other_failures_are_not_dressed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(old: Path, new: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="Input/output error"):
        files.write_json(tmp_path / "file.json", 1)
    assert not list(tmp_path.iterdir())


def test_json_holds_no_nan(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "file.json", [float("nan")])
    assert not list(tmp_path.iterdir())


def test_reading_json(tmp_path: Path):
    path = tmp_path / "file.json"
    with pytest.raises(InputError, match=f"^a file is missing: {path}$"):
        files.read_json(path)
    for content in (b"", b"{", b"\xff\xfe", b'{"a": 1'):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"^a file must be valid JSON: "):
            files.read_json(path)
    with pytest.raises(InputError, match=r"^a file must be readable: "):
        files.read_json(tmp_path)
    path.write_text("[1]")
    with pytest.raises(InputError, match=f"^a file must hold a JSON object: {path} holds list$"):
        files.read_object(path)
    path.write_text('{"a": 1}')
    assert files.read_object(path) == {"a": 1}


def test_sha256(tmp_path: Path):
    content = os.urandom(3 << 20) + b"end"
    (tmp_path / "file").write_bytes(content)
    assert files.sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", "link/secret", "link"])
def test_a_path_never_leads_out_of_its_folder(name: str, tmp_path: Path):
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match=r"^a file must lie inside its folder: "):
        files.inside(root, name)


def test_a_path_inside(tmp_path: Path):
    assert files.inside(tmp_path, "a/../b/c.json") == tmp_path / "b" / "c.json"
    assert json.dumps(str(files.inside(tmp_path, "x"))) == json.dumps(str(tmp_path / "x"))


def test_tensors_can_be_read_by_other_users_as_in_a_container(tmp_path):
    files.write_tensors(tmp_path / "weights.safetensors", {"a": torch.zeros(2)})
    assert (tmp_path / "weights.safetensors").stat().st_mode & 0o044 == 0o044
