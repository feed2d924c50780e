"""Weights are read from safetensors alone, and checked by name, shape and value."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from otmf_core.errors import InputError
from otmf_core.models.checkpoints import check_matches, is_safetensors, read_tensor, read_tensors

BASE = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}


def test_types_and_shapes_are_as_stored_and_the_prefix_is_taken_off(tmp_path: Path):
    stored = {"visual.a": torch.ones(2, 3).half(), "visual.n": torch.tensor(3), "text.a": torch.ones(1)}
    save_file(stored, tmp_path / "w.safetensors")
    read = read_tensors(tmp_path / "w.safetensors", prefix="visual.")
    assert set(read) == {"a", "n"}
    assert read["a"].dtype == torch.float16
    assert read["a"].shape == (2, 3)
    assert read["n"].item() == 3
    assert set(read_tensors(tmp_path / "w.safetensors")) == set(stored)


@pytest.mark.parametrize("name", ["w.bin", "w", "w.safetensors.part"])
def test_safetensors_are_told_by_content(name: str, tmp_path: Path):
    save_file(BASE, tmp_path / name)
    assert is_safetensors(tmp_path / name)
    assert read_tensors(tmp_path / name).keys() == BASE.keys()


@pytest.mark.parametrize("content", [b"", b"{" * 9, b'{"a": 1.{', b"PK\x03\x04\x14\0\0\0\x08{", b"\0" * 9])
def test_nothing_else_begins_as_safetensors_do(content: bytes, tmp_path: Path):
    (tmp_path / "w").write_bytes(content)
    assert not is_safetensors(tmp_path / "w")


def test_one_tensor_is_read_alone(tmp_path: Path):
    stored = {"a": torch.arange(3.0).half(), "b": torch.ones(2)}
    save_file(stored, tmp_path / "w.safetensors")
    assert torch.equal(read_tensor(tmp_path / "w.safetensors", "a"), stored["a"])
    with pytest.raises(InputError, match=r"^a file must be valid safetensors: .*\(File does not contain tensor c\)$"):
        read_tensor(tmp_path / "w.safetensors", "c")


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", ["w.pt", "w.bin", "w.pth", "w.ckpt", "w.pkl", "w", "w.safetensors.bin"])
def test_other_formats_are_refused_unread(name: str, tmp_path: Path):
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(tmp_path / "trace")))
    with pytest.raises(InputError) as caught:
        read_tensors(tmp_path / name)
    assert str(caught.value) == f"weights are read from safetensors files, which cannot run code, received {name!r}"
    assert not (tmp_path / "trace").exists()


def test_a_pickle_in_disguise_is_damaged_not_run(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "trace")))
    with pytest.raises(InputError, match=r"^a file must be valid safetensors: "):
        read_tensors(path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_a_truncated_file(keep: int, tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file(BASE, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=f"^a file must be valid safetensors: {path}"):
        read_tensors(path)


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(InputError, match=f"^a file is missing: {tmp_path / 'w.safetensors'}$"):
        read_tensors(tmp_path / "w.safetensors")


def test_matching_tensors_pass():
    check_matches({"b": torch.ones(4).half(), "a": torch.ones(2, 3)}, BASE, "here")


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"b": BASE["b"]}, "weights have exactly the keys of the pre-trained model: a is missing in here"),
        ({**BASE, "c": BASE["b"]}, "weights have exactly the keys of the pre-trained model: c is unknown in here"),
        (
            {**BASE, "a": torch.zeros(3, 2)},
            "shapes follow the pre-trained model: a is (3, 2), expected (2, 3), in here",
        ),
        ({**BASE, "b": torch.zeros(1)}, "shapes follow the pre-trained model: b is (1,), expected (4,), in here"),
        (
            {**BASE, "b": torch.tensor([0, torch.nan, 0, -torch.inf])},
            "weights must be finite: b has 2 NaN or infinite values in here",
        ),
    ],
)
def test_a_mismatch_gets_one_sentence(tensors: dict, sentence: str):
    with pytest.raises(InputError) as caught:
        check_matches(tensors, BASE, "here")
    assert str(caught.value) == sentence
