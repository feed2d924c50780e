"""A path is opened by what it holds: folders as their makers' libraries read them, files by their first bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.library.importers.base import Checkpoint
from otmf_core.library.importers.open_clip import architecture
from otmf_core.library.importers.opening import open_checkpoint
from tests.clips import model_cfg, open_clip_model, transformers_model
from tests.tiny import ROOT, is_one_sentence

ACCEPTED = "a model is a safetensors file, a torch file, an index of shards, or a folder with one, received another in "
GOLDEN = ROOT / "tests/golden/hub"


def write_open_clip(folder: Path, name: str) -> dict[str, Any]:
    tensors = open_clip_model(False).state_dict()
    save_file(tensors, folder / name)
    return tensors


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_checkpoint(path)
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("name", ["clip", "vision", "projected", "old"])
def test_a_folder_of_transformers(name: str):
    found = open_checkpoint(GOLDEN / name)
    assert isinstance(found, Checkpoint)
    assert found.family == "huggingface"
    assert found.files[0] == GOLDEN / name / "model.safetensors"
    assert found.precision == "F32"
    assert found.activation == (None if name == "old" else "quick_gelu")
    assert architecture(found.header) == "ViT, width 16, 1 layers, patch 8"


def test_a_running_mean_counts_beside_its_module(tmp_path: Path):
    tensors = load_file(GOLDEN / "clip/model.safetensors")
    counted = {f"module.{name}": tensor for name, tensor in tensors.items()} | {"n_averaged": torch.tensor(7)}
    save_file(counted, tmp_path / "w.safetensors")
    assert open_checkpoint(tmp_path / "w.safetensors").family == "huggingface"


def test_a_folder_of_shards(tmp_path: Path):
    transformers_model().save_pretrained(tmp_path, max_shard_size="100KB")
    assert open_checkpoint(tmp_path).files[0] == tmp_path / "model.safetensors.index.json"
    (tmp_path / "config.json").unlink()
    found = open_checkpoint(tmp_path)
    assert found.files[0] == tmp_path / "model.safetensors.index.json"
    assert found.activation is None
    assert open_checkpoint(tmp_path / "model.safetensors.index.json").family == "huggingface"


def test_a_folder_of_open_clip(tmp_path: Path):
    write_open_clip(tmp_path, "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg(False)}))
    (tmp_path / "more.safetensors").write_bytes((GOLDEN / "features.safetensors").read_bytes())
    found = open_checkpoint(tmp_path)
    assert isinstance(found, Checkpoint)
    assert (found.family, found.precision, found.activation) == ("open_clip", "F32", "gelu")
    assert architecture(found.header) == "ViT, width 64, 2 layers, patch 16"


def test_both_layouts_in_one_folder(tmp_path: Path):
    for file in (GOLDEN / "clip").iterdir():
        shutil.copy(file, tmp_path)
    write_open_clip(tmp_path, "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg(False)}))
    assert open_checkpoint(tmp_path).family == "open_clip"
    assert open_checkpoint(tmp_path / "model.safetensors").family == "huggingface"
    (tmp_path / "open_clip_model.safetensors").unlink()
    assert open_checkpoint(tmp_path).family == "huggingface"


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin", "weights"])
def test_one_file_of_any_name_and_its_folder(name: str, tmp_path: Path):
    write_open_clip(tmp_path, name)
    (tmp_path / "README.md").write_text("{weights}")
    (tmp_path / "empty").write_bytes(b"")
    assert open_checkpoint(tmp_path / name).family == "open_clip"
    assert open_checkpoint(tmp_path).files == (tmp_path / name,)


def test_a_cache_of_a_hub_is_made_of_links(tmp_path: Path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots/abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for file in (GOLDEN / "vision").iterdir():
        shutil.copy(file, blobs / f"0{file.name[0]}")
        (snapshot / file.name).symlink_to(f"../../blobs/0{file.name[0]}")
    found = open_checkpoint(snapshot)
    assert isinstance(found, Checkpoint)
    assert found.activation == "quick_gelu"
    assert found.files == (snapshot / "model.safetensors", snapshot / "config.json")
    (tmp_path / "link").symlink_to(snapshot)
    assert open_checkpoint(tmp_path / "link").family == "huggingface"


def test_several_files_are_named(tmp_path: Path):
    for name in ("b.safetensors", "a.safetensors", "c", "d.bin"):
        save_file({"a": torch.ones(1)}, tmp_path / name)
    assert refusal(tmp_path) == (
        f"a folder has one file of weights, or is named with the file: {tmp_path} has 'a.safetensors', "
        "'b.safetensors', 'c' and 1 more"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"",
            ACCEPTED,
        ),
        (b"GGUF\x03\0\0\0", ACCEPTED),
        (
            b"\x89HDF\r\n\x1a\n",
            ACCEPTED,
        ),
        (b'{"a": 1}', "an index of shards has a weight_map of tensor names to files, which is missing in "),
    ],
)
def test_other_files_are_refused_with_what_is_accepted(content: bytes, sentence: str, tmp_path: Path):
    (tmp_path / "model.h5").write_bytes(content)
    assert refusal(tmp_path / "model.h5").startswith(sentence)


def test_nothing_there(tmp_path: Path):
    assert refusal(tmp_path / "nowhere") == f"a file is missing: {tmp_path / 'nowhere'}"
    assert refusal(tmp_path).endswith(f": none is in {tmp_path}")
    (tmp_path / "w.safetensors").write_bytes(b"\0" * 5)
    assert refusal(tmp_path / "w.safetensors").startswith("a file must be valid safetensors: ")


def test_other_families_are_refused_by_their_first_key(tmp_path: Path):
    save_file({"shared.weight": torch.ones(2, 2), "decoder.block.0.weight": torch.ones(1)}, tmp_path / "t5.safetensors")
    assert refusal(tmp_path / "t5.safetensors") == (
        "a model is a CLIP with the names of open_clip or of transformers, or a T5, received 'decoder.block.0.weight' "
        f"in {tmp_path / 't5.safetensors'}"
    )
    save_file({}, tmp_path / "none.safetensors")
    assert "received 'no tensor' in " in refusal(tmp_path / "none.safetensors")


def test_opening_reads_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from otmf_core.library.importers import safetensors_files

    monkeypatch.setattr(safetensors_files, "read_tensor", lambda *_: pytest.fail("a value was read"))
    tensors = load_file(GOLDEN / "clip/model.safetensors")
    save_file(tensors, tmp_path / "model.safetensors")
    open_checkpoint(tmp_path)
