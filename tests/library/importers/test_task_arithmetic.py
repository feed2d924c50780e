"""Pickled image encoders give the features that they gave as modules, and heads the logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from otmf_core.errors import InputError
from otmf_core.library.importers.pickles import TorchContents
from otmf_core.library.importers.task_arithmetic import TaskArithmeticCheckpoint, is_image_encoder, read_head
from otmf_core.models.clip import clip_tower
from otmf_core.models.heads import Head
from tests.library.importers.torch_files import (
    OLD_NAMES,
    QUICK,
    ClassificationHead,
    ImageEncoder,
    encoder,
    rename,
    save_module,
)
from tests.tiny import CONFIG, is_one_sentence

CPU = torch.device("cpu")


def opened(path: Path) -> TaskArithmeticCheckpoint:
    return TaskArithmeticCheckpoint(TorchContents(path))


def visual(module: ImageEncoder) -> dict[str, Tensor]:
    return module.model.visual.state_dict()


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("old", [True, False])
def test_features_are_those_of_the_module(tmp_path: Path, old: bool, quick: bool):
    config: dict[str, Any] = {**QUICK, "quick_gelu": quick}
    pretrained, finetuned = encoder(0, config), encoder(1, config)
    path = save_module(tmp_path / "finetuned.pt", finetuned)
    checkpoint = opened(rename(path, OLD_NAMES) if old else path)
    assert checkpoint.family == "task_arithmetic" and checkpoint.projected
    assert (checkpoint.precision, checkpoint.files, checkpoint.base_model) == ("F32", (path,), "")
    assert checkpoint.activation == ("quick_gelu" if quick else "gelu")
    base = {name: value.detach() for name, value in visual(pretrained).items()}
    checkpoint.check({name: ("F32", tuple(value.shape)) for name, value in base.items()})
    described = {**CONFIG, "model_cfg": {**QUICK, "quick_gelu": checkpoint.activation == "quick_gelu"}}
    tower = clip_tower(described, base, CPU, "the test")
    tower.load(checkpoint.task_vector(base))
    images = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = finetuned(images)
        assert (tower.module(images) - expected).abs().max() <= 1e-5
        assert (pretrained(images) - expected).abs().max() > 0.1


def test_names_are_open_clips(tmp_path: Path):
    module = encoder()
    checkpoint = opened(save_module(tmp_path / "x.pt", module))
    expected = {name: tuple(value.shape) for name, value in module.model.state_dict().items()}
    assert {name: shape for name, (_, shape) in checkpoint.header.items()} == expected
    assert {"visual.proj", "token_embedding.weight", "ln_final.bias", "logit_scale"} <= expected.keys()
    assert torch.equal(checkpoint.read("visual.conv1.weight"), visual(module)["conv1.weight"])


def test_another_size_is_refused(tmp_path: Path):
    larger = {**QUICK, "vision_cfg": {**QUICK["vision_cfg"], "width": 48, "head_width": 16}}
    checkpoint = opened(save_module(tmp_path / "x.pt", encoder(0, larger)))
    with pytest.raises(InputError, match="shapes follow the pre-trained model") as caught:
        checkpoint.check({name: ("F32", tuple(value.shape)) for name, value in visual(encoder()).items()})
    assert is_one_sentence(str(caught.value))


def test_other_files_are_no_image_encoders(tmp_path: Path):
    head = save_module(tmp_path / "head.pt", ClassificationHead(torch.rand(3, 4)))
    torch.save(encoder().state_dict(), tmp_path / "state.pt")
    for path in (head, tmp_path / "state.pt"):
        assert not is_image_encoder(TorchContents(path))
        with pytest.raises(InputError, match="is an ImageEncoder") as caught:
            opened(path)
        assert is_one_sentence(str(caught.value))


def rows(scale: float = 100.0) -> Tensor:
    return scale * F.normalize(torch.randn(3, 16, generator=torch.Generator().manual_seed(3)), dim=-1)


@pytest.mark.parametrize("under", ["src.modeling", "src.models.modeling"])
def test_a_pickled_head_gives_the_logits_of_the_module(tmp_path: Path, under: str):
    module = ClassificationHead(rows())
    weight, scale = read_head(save_module(tmp_path / "head_MNISTVal.pt", module, under))
    assert weight.dtype == torch.float32 and scale == pytest.approx(100, rel=1e-5)
    assert (weight.norm(dim=-1) - 1).abs().max() < 1e-6
    features = torch.randn(7, 16, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        expected = module(F.normalize(features, dim=-1))
    assert torch.allclose(Head(weight, scale).logits(features), expected, atol=1e-4)


def test_heads_as_state_dicts_and_safetensors(tmp_path: Path):
    torch.save({"weight": rows().half(), "bias": torch.zeros(3)}, tmp_path / "head.pt")
    save_file({"weight": rows()}, tmp_path / "scaled.safetensors")
    save_file({"weight": rows(1), "logit_scale": torch.tensor(100.0)}, tmp_path / "apart.safetensors")
    for name, tolerance in (("head.pt", 1e-3), ("scaled.safetensors", 1e-6), ("apart.safetensors", 1e-6)):
        weight, scale = read_head(tmp_path / name)
        assert torch.allclose(weight, rows(1), atol=tolerance)
        assert scale == pytest.approx(100, rel=tolerance)


def uneven() -> Tensor:
    weight = rows()
    weight[1] *= 1.05
    return weight


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"bias": torch.zeros(3)}, "has a weight"),
        ({"weight": rows(), "bias": torch.tensor([0, 0, 0.5])}, "no bias but zero"),
        ({"weight": rows(), "running_mean": torch.zeros(3)}, "'running_mean'"),
        ({"weight": uneven()}, "equally long: row 1"),
        ({"weight": rows(2000)}, "at most 1000: received 2000"),
        ({"weight": rows(0)}, "above 0"),
        ({"weight": rows(1), "logit_scale": torch.tensor(-4.0)}, "above 0"),
        ({"weight": rows(1), "logit_scale": torch.ones(2)}, "one number"),
        ({"weight": rows(float("nan"))}, "finite"),
        ({"weight": rows()[0]}, "(classes, features)"),
        ({"weight": torch.ones(2, 3, dtype=torch.int64)}, "F32"),
    ],
)
def test_heads_that_are_refused(tmp_path: Path, tensors: dict[str, Tensor], words: str):
    torch.save(tensors, tmp_path / "head.pt")
    with pytest.raises(InputError) as caught:
        read_head(tmp_path / "head.pt")
    assert words in str(caught.value) and is_one_sentence(str(caught.value))


def test_a_pickled_head_normalises_and_is_a_head(tmp_path: Path):
    cases = (ClassificationHead(rows(), normalize=False), "normalize is False"), (encoder(), "ClassificationHead")
    for module, words in cases:
        with pytest.raises(InputError, match=words) as caught:
            read_head(save_module(tmp_path / "head.pt", module))
        assert is_one_sentence(str(caught.value))
