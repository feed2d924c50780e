"""What is remembered between two starts."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from otmf_core import cache
from otmf_core.cache import remembered_sha256


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OTMF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LARGE", 10)
    return tmp_path / "cache"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    original = cache.sha256
    monkeypatch.setattr(cache, "sha256", lambda path: (read.append(path), original(path))[1])
    return read


def test_a_hash_is_computed_once_for_a_file_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read, file = counted(monkeypatch), tmp_path / "weights"
    file.write_bytes(b"x" * 20)
    expected = hashlib.sha256(b"x" * 20).hexdigest()
    assert [remembered_sha256(file) for _ in range(3)] == [expected] * 3
    assert read == [file]
    os.utime(file, ns=(1, 1))
    assert remembered_sha256(file) == expected
    file.write_bytes(b"y" * 20)
    assert remembered_sha256(file) == hashlib.sha256(b"y" * 20).hexdigest()
    assert len(read) == 3


def test_a_note_that_is_damaged_or_of_another_file_is_made_anew(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    read, file = counted(monkeypatch), tmp_path / "weights"
    file.write_bytes(b"x" * 20)
    digest = remembered_sha256(file)
    [note] = own_cache.rglob("*.json")
    for text in ("{", "[]", '{"sha256": 3}', note.read_text().replace(str(file), "/other")):
        note.write_text(text)
        assert remembered_sha256(file) == digest
    assert len(read) == 5


def test_a_small_file_leaves_no_note_and_a_cache_that_cannot_be_written_stops_nothing(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    large.write_bytes(b"x" * 20)
    assert remembered_sha256(small) == hashlib.sha256(b"x").hexdigest()
    assert not own_cache.exists()
    own_cache.write_text("a file")
    assert remembered_sha256(large) == hashlib.sha256(b"x" * 20).hexdigest()
