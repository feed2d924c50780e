"""Torch files are read as torch itself reads them, and without loading or running anything of what they name."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from otmf_core.errors import InputError
from otmf_core.library.importers.pickles import TorchContents
from tests.library.importers.torch_files import OLD_NAMES, encoder, rename, save_module
from tests.tiny import ROOT, is_one_sentence

KINDS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        TorchContents(path)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def test_every_type_and_layout_of_tensors(tmp_path: Path):
    whole = torch.arange(60.0).view(3, 4, 5)
    tensors = {kind: (torch.rand(3, 2) * 9).to(dtype) for kind, dtype in KINDS.items()}
    tensors |= {
        "view": whole[1:, :, 2],
        "transposed": whole.permute(2, 0, 1),
        "scalar": torch.tensor(4.6),
        "empty": torch.zeros(0, 7),
        "parameter": nn.Parameter(torch.rand(2)),
        "shared": whole[0],
    }
    torch.save(tensors, tmp_path / "x.pt")
    contents = TorchContents(tmp_path / "x.pt")
    assert contents.files == (tmp_path / "x.pt",)
    assert {name: shape for name, (_, shape) in contents.header.items()} == {
        n: tuple(t.shape) for n, t in tensors.items()
    }
    for name, value in tensors.items():
        found = contents.read(name)
        assert found.dtype == value.dtype and torch.equal(found, value)
        kind, shape = contents.header[name]
        assert KINDS[kind] == value.dtype and shape == value.shape


@pytest.mark.parametrize("wrap", ["state_dict", "model", "model_state_dict"])
def test_wrapped_state_dicts_with_other_entries(tmp_path: Path, wrap: str):
    tensors = OrderedDict({"visual.proj": torch.rand(2, 3), "logit_scale": torch.tensor(4.6)})
    entries = {"model_name": "ViT-B-32", "epoch": 3, "lr": 1e-5, "betas": (0.9, 0.98), "done": True, "none": None}
    torch.save({wrap: tensors | entries, **entries}, tmp_path / "x.pt")
    contents = TorchContents(tmp_path / "x.pt")
    assert list(contents.header) == ["visual.proj", "logit_scale"]
    assert torch.equal(contents.read("visual.proj"), tensors["visual.proj"])
    torch.save({"model": {"state_dict": tensors}}, tmp_path / "nested.pt")
    assert list(TorchContents(tmp_path / "nested.pt").header) == ["visual.proj", "logit_scale"]


def test_a_state_dict_as_a_module_gives_it(tmp_path: Path):
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    torch.save(model.state_dict(), tmp_path / "x.bin")  # an OrderedDict with attributes
    contents = TorchContents(tmp_path / "x.bin")
    assert {name: contents.read(name).tolist() for name in contents.header} == {
        name: value.tolist() for name, value in model.state_dict().items()
    }


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("under", ["src.modeling", "src.models.modeling", "modeling"])
def test_pickled_modules_have_the_state_dict_of_the_module(tmp_path: Path, under: str, old: bool):
    module = encoder()
    path = save_module(tmp_path / "finetuned.pt", module, under)
    contents = TorchContents(rename(path, OLD_NAMES) if old else path)
    expected = module.state_dict()
    assert "model.attn_mask" not in expected  # a buffer that is not kept
    assert contents.header == {name: ("F32", tuple(value.shape)) for name, value in expected.items()}
    assert all(torch.equal(contents.read(name), value) for name, value in expected.items())
    assert contents.modules[""].name == f"{under}.ImageEncoder"
    tower = "open_clip.model.VisualTransformer" if old else "open_clip.transformer.VisionTransformer"
    assert contents.modules["model.visual"].name == tower


def test_nothing_that_a_file_names_is_loaded(tmp_path: Path):
    path = save_module(tmp_path / "finetuned.pt", encoder())
    program = f"""
import sys
from pathlib import Path
from otmf_core.library.importers.pickles import TorchContents
from otmf_core.library.importers.task_arithmetic import TaskArithmeticCheckpoint
contents = TaskArithmeticCheckpoint(TorchContents(Path({str(path)!r})))
assert contents.header
assert "torch" not in sys.modules
contents.read("visual.proj")
print(*sorted({{name.split(".")[0] for name in sys.modules}} & {{"open_clip", "torchvision", "src", "timm", "torch"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["torch"]


@pytest.mark.parametrize("key", ["model.params0.3", "params0.0", "image_encoder.model.params0.1", "func0.weight"])
def test_linearised_models_are_refused(tmp_path: Path, key: str):
    torch.save({"model.params.0": torch.rand(2), key: torch.rand(2), "model_name": "ViT-B-32"}, tmp_path / "linear.pt")
    assert "linearised" in refusal(tmp_path / "linear.pt")


def test_what_holds_no_weights_is_refused(tmp_path: Path):
    path = tmp_path / "x.pt"
    for value in ({"epoch": 3}, [torch.rand(2)], torch.rand(2), {}, {"state_dict": {"a": 1}}):
        torch.save(value, path)
        assert "checkpoint" in refusal(path)
    assert "missing" in refusal(tmp_path / "none.pt")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (torch.rand(2, dtype=torch.complex64), "torch.ComplexFloatStorage"),
        (torch.rand(3, 3).to_sparse(), "torch._utils._rebuild_sparse_tensor"),
        (torch.rand(3, device="meta"), "torch._utils._rebuild_meta_tensor_no_storage"),
        (torch.rand(3).to(torch.float8_e4m3fn), "torch"),
    ],
)
def test_tensors_that_no_merge_takes_are_refused(tmp_path: Path, value: torch.Tensor, name: str):
    torch.save({"weight": value}, tmp_path / "x.pt")
    assert name in refusal(tmp_path / "x.pt")


def test_training_state_of_other_libraries_is_refused_by_name(tmp_path: Path):
    import argparse

    torch.save({"state_dict": {"a": torch.rand(2)}, "args": argparse.Namespace(lr=1)}, tmp_path / "x.pt")
    assert "'argparse.Namespace'" in refusal(tmp_path / "x.pt")
