"""Safetensors are told by content, and an index is all that it says of its shards."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from otmf_core.errors import InputError
from otmf_core.library.importers.safetensors_files import SafetensorsContents
from tests.tiny import is_one_sentence

INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """The index of two shards."""
    save_file({"a": torch.arange(6.0).view(2, 3), "b": torch.ones(1)}, tmp_path / ONE)
    save_file({"c": torch.full((2,), 3.0).half()}, tmp_path / TWO)
    return write_index(tmp_path, {"a": ONE, "b": ONE, "c": TWO})


def write_index(folder: Path, names: object) -> Path:
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 32}, "weight_map": names}))
    return folder / INDEX


@pytest.mark.parametrize("name", ["w.safetensors", "w.bin", "weights", "x.json"])
def test_a_file_of_any_name(name: str, tmp_path: Path):
    save_file({"a": torch.arange(4.0).bfloat16(), "n": torch.tensor(3)}, tmp_path / name)
    contents = SafetensorsContents(tmp_path / name)
    assert contents.files == (tmp_path / name,)
    assert contents.header == {"a": ("BF16", (4,)), "n": ("I64", ())}
    assert torch.equal(contents.read("a"), torch.arange(4.0).bfloat16())


def test_a_tensor_outlives_its_file(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.arange(100_000.0)}, path)
    tensor = SafetensorsContents(path).read("a")
    path.write_bytes(b"")  # under a mapping, reading on would end the process
    assert torch.equal(tensor, torch.arange(100_000.0))


def test_shards_are_one(sharded: Path):
    contents = SafetensorsContents(sharded)
    assert contents.files == (sharded, sharded.with_name(ONE), sharded.with_name(TWO))
    assert contents.header == {"a": ("F32", (2, 3)), "b": ("F32", (1,)), "c": ("F16", (2,))}
    assert torch.equal(contents.read("a"), torch.arange(6.0).view(2, 3))
    assert torch.equal(contents.read("c"), torch.tensor([3.0, 3.0]).half())


def test_shards_may_be_links_as_in_the_cache_of_a_hub(sharded: Path, tmp_path: Path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots/abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for name in (ONE, TWO, INDEX):
        (tmp_path / name).rename(blobs / f"blob-of-{name}")
        (snapshot / name).symlink_to(f"../../blobs/blob-of-{name}")
    contents = SafetensorsContents(snapshot / INDEX)
    assert contents.files[0] == snapshot / INDEX
    assert set(contents.header) == {"a", "b", "c"}


Damage = Callable[[Path], object]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "no map": (lambda index: index.write_text('{"metadata": {}}'), "an index of shards has a weight_map of"),
    "an empty map": (lambda index: write_index(index.parent, {}), "an index of shards has a weight_map of"),
    "a list": (lambda index: index.write_text("[]"), "a file must hold a JSON object: "),
    "no JSON": (lambda index: index.write_text('{"weight_map": '), "a file must be valid JSON: "),
    "a missing shard": (lambda index: index.with_name(TWO).unlink(), "a file is missing: "),
    "a shard cut short": (
        lambda index: index.with_name(TWO).write_bytes(index.with_name(TWO).read_bytes()[:40]),
        "a file must be valid safetensors: ",
    ),
    "a key that no shard has": (
        lambda index: write_index(index.parent, {"a": ONE, "b": ONE, "c": TWO, "d": TWO}),
        f"a tensor is in the shard that its index names: 'd' is not in '{TWO}' of ",
    ),
    "a key of another shard": (
        lambda index: write_index(index.parent, {"a": ONE, "b": TWO, "c": TWO}),
        f"a tensor is in the shard that its index names: 'b' is not in '{TWO}' of ",
    ),
    "a key in two shards": (
        lambda index: save_file({"c": torch.ones(2), "a": torch.ones(2, 3)}, index.with_name(TWO)),
        f"a tensor is in one shard: 'a' is in another and in '{TWO}' of ",
    ),
    "a key that the index forgets": (
        lambda index: write_index(index.parent, {"a": ONE, "c": TWO}),
        f"an index names every tensor of its shards: not so 'b' in '{ONE}' of ",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES.values(), ids=DAMAGES)
def test_a_wrong_index_is_told_in_one_sentence(damage: Damage, sentence: str, sharded: Path):
    damage(sharded)
    with pytest.raises(InputError) as caught:
        SafetensorsContents(sharded)
    assert str(caught.value).startswith(sentence)
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    "shard", ["../w.safetensors", "/etc/hostname", "sub/w.safetensors", "..", "", "c:w", "a\\w", 7]
)
def test_a_shard_lies_beside_its_index(shard: object, sharded: Path):
    save_file({"c": torch.ones(2)}, sharded.parent.parent / "w.safetensors")
    write_index(sharded.parent, {"c": shard})
    with pytest.raises(InputError, match=r"^a shard is a file beside its index, received ") as caught:
        SafetensorsContents(sharded)
    assert is_one_sentence(str(caught.value))


def huge_header(content: bytes) -> bytes:
    return struct.pack("<Q", 1 << 40) + content[8:]


@pytest.mark.parametrize("name", ["w.safetensors", "w.bin"])
@pytest.mark.parametrize("change", [huge_header, lambda content: content[:30], lambda content: content[:-3]])
def test_a_damaged_file(change: Callable[[bytes], bytes], name: str, tmp_path: Path):
    save_file({"a": torch.ones(9)}, tmp_path / name)
    (tmp_path / name).write_bytes(change((tmp_path / name).read_bytes()))
    with pytest.raises(InputError, match=r"^a file must be valid safetensors: ") as caught:
        SafetensorsContents(tmp_path / name)
    assert is_one_sentence(str(caught.value))
