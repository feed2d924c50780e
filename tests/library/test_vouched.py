"""Files that lie elsewhere: followed by their whole path, and only with the hash that the manifest records."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from otmf_core.errors import InputError
from otmf_core.library.manifest import FileEntry
from otmf_core.library.vouched import VouchedFiles

CONTENT = b"weights"


def vouched(root: Path, at: Path, digest: str = hashlib.sha256(CONTENT).hexdigest()) -> VouchedFiles:
    return VouchedFiles(root, {"tasks/a/model": FileEntry(sha256=digest, bytes=len(CONTENT), at=str(at))})


def test_a_file_that_was_left_where_it_is(tmp_path: Path):
    file = tmp_path / "elsewhere/model.safetensors"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    assert vouched(tmp_path / "library", file).path("tasks/a/model") == file


def test_a_file_that_is_another_one_or_gone(tmp_path: Path):
    file = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"^the library is incomplete: .*model\.safetensors is missing$"):
        vouched(tmp_path, file).located("tasks/a/model")
    file.write_bytes(b"WEIGHTS")
    with pytest.raises(InputError, match=r"^a file must have the hash its manifest records: "):
        vouched(tmp_path, file).path("tasks/a/model")
    file.write_bytes(b"of another size")
    with pytest.raises(InputError, match=r"^a file must have the hash its manifest records: "):
        vouched(tmp_path, file).located("tasks/a/model")


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for at in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"^the library is incomplete: "):
            vouched(tmp_path, at).located("tasks/a/model")


@pytest.mark.parametrize("at", ["model.safetensors", "../model", "~/model"])
def test_a_place_elsewhere_is_a_whole_path(at: str):
    with pytest.raises(ValueError, match="a file that lies elsewhere has a whole path"):
        FileEntry(sha256="0" * 64, at=at)
