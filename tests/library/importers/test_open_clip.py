"""Checkpoints of open_clip give here the features that they give there, and weights imply the right configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from otmf_core.errors import InputError
from otmf_core.library.importers.open_clip import CONFIG, OpenClipCheckpoint, architecture, config_from_shapes
from otmf_core.library.importers.safetensors_files import SafetensorsContents
from otmf_core.models.checkpoints import Header
from otmf_core.models.clip import build_clip
from tests.clips import (
    CLOSE,
    MEAN,
    SIDE,
    STD,
    difference,
    drawn,
    features,
    model_cfg,
    open_clip_model,
    prepared,
    tiny_images,
    tiny_tokens,
    tower_of,
)
from tests.tiny import is_one_sentence

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "open_clip_model.safetensors"
PREPROCESSING = {
    "mean": list(MEAN),
    "std": list(STD),
    "size": SIDE,
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def saved(tensors: dict[str, Tensor], folder: Path) -> OpenClipCheckpoint:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS)
    return opened(folder)


def opened(folder: Path) -> OpenClipCheckpoint:
    return OpenClipCheckpoint(SafetensorsContents(folder / WEIGHTS))


@pytest.mark.parametrize("quick_gelu", [True, False])
@pytest.mark.parametrize("prefix", ["", "module.", "state_dict.model.module."])
def test_a_whole_clip_gives_its_features_of_images_and_texts(prefix: str, quick_gelu: bool, tmp_path: Path):
    base, expert = open_clip_model(quick_gelu, seed=1), open_clip_model(quick_gelu, seed=2)
    found = saved({prefix + name: tensor for name, tensor in expert.state_dict().items()}, tmp_path)
    assert found.header.keys() == expert.state_dict().keys()
    assert found.config is None
    assert found.activation is None
    config = config_from_shapes(found.header, quick_gelu, "here")
    assert config == {"model_cfg": model_cfg(quick_gelu), "preprocess_cfg": PREPROCESSING}
    ours = features(config, base.visual.state_dict(), found, tiny_images())
    with torch.no_grad():
        assert difference(ours, expert.encode_image(prepared(tiny_images()))) <= CLOSE
    clip = build_clip(config)
    clip.load_state_dict({name: found.read(name) for name in found.header})
    with torch.no_grad():
        assert difference(clip.encode_text(tiny_tokens()), expert.encode_text(tiny_tokens())) <= CLOSE


@pytest.mark.parametrize("prefix", ["", "visual.", "model.visual.", "visual.visual.", "_orig_mod."])
def test_an_image_tower_alone(prefix: str, tmp_path: Path):
    base, expert = open_clip_model(True, seed=1), open_clip_model(True, seed=2)
    found = saved({prefix + name: tensor for name, tensor in expert.visual.state_dict().items()}, tmp_path)
    assert all(name.startswith("visual.") for name in found.header)
    config = config_from_shapes(found.header, True, "here")
    assert config["model_cfg"] == {**model_cfg(True), "text_cfg": {}}
    ours = features(config, base.visual.state_dict(), found, tiny_images())
    with torch.no_grad():
        assert difference(ours, expert.visual(prepared(tiny_images()))) <= CLOSE


@pytest.mark.parametrize(("dtype", "kind"), [(torch.float16, "F16"), (torch.bfloat16, "BF16")])
def test_half_precision_is_read_as_it_is(dtype: torch.dtype, kind: str, tmp_path: Path):
    base, expert = open_clip_model(True, seed=1), open_clip_model(True, seed=2).to(dtype)
    found = saved(expert.state_dict(), tmp_path)
    assert found.precision == kind
    config = {"model_cfg": model_cfg(True), "preprocess_cfg": PREPROCESSING}
    ours = features(config, base.visual.state_dict(), found, tiny_images())
    with torch.no_grad():
        assert difference(ours, expert.float().encode_image(prepared(tiny_images()))) <= CLOSE


def test_buffers_are_no_weights(tmp_path: Path):
    model = open_clip_model(True)
    more = {
        "visual.num_batches_tracked": torch.tensor(3),
        "context_length": torch.tensor(77),
        "n_averaged": torch.tensor(1),
    }
    found = saved({**model.state_dict(), **more}, tmp_path)
    assert found.header.keys() == model.state_dict().keys()


@pytest.mark.parametrize("quick_gelu", [True, False])
@pytest.mark.parametrize("form", ["nested", "without preprocessing", "flat"])
def test_the_configuration_beside_it(form: str, quick_gelu: bool, tmp_path: Path):
    stated = model_cfg(quick_gelu)
    mean = {**PREPROCESSING, "mean": [0.5, 0.5, 0.5]}
    forms = {
        "nested": {"model_cfg": stated, "preprocess_cfg": mean},
        "without preprocessing": {"model_cfg": stated},
        "flat": stated,
    }
    (tmp_path / CONFIG).write_text(json.dumps(forms[form]))
    found = saved(open_clip_model(quick_gelu).state_dict(), tmp_path)
    assert found.config == {"model_cfg": stated, "preprocess_cfg": mean if form == "nested" else PREPROCESSING}
    assert found.activation == ("quick_gelu" if quick_gelu else "gelu")
    assert found.files == (tmp_path / WEIGHTS, tmp_path / CONFIG)


@pytest.mark.parametrize(
    "fields",
    [
        {"model_cfg": 7},
        {"model_cfg": {**model_cfg(True), "vision_cfg": 7}},
        {"embed_dim": 7},
        {},
        {"model_cfg": {**model_cfg(True), "text_cfg": {"hf_model_name": "someone/else"}}},
    ],
)
def test_a_configuration_of_nothing_is_refused(fields: dict[str, Any], tmp_path: Path):
    (tmp_path / CONFIG).write_text(json.dumps(fields))
    with pytest.raises(InputError, match=r"^a backbone config ") as caught:
        saved(open_clip_model(True).state_dict(), tmp_path)
    assert is_one_sentence(str(caught.value))


NAMES = {
    "ViT-B-32": "ViT-B/32",
    "ViT-B-16": "ViT-B/16",
    "ViT-L-14": "ViT-L/14",
    "ViT-L-14-336": "ViT, width 1024, 24 layers, patch 14",
    "ViT-H-14": "ViT, width 1280, 32 layers, patch 14",
    "ViT-g-14": "ViT, width 1408, 40 layers, patch 14",
}


@pytest.mark.parametrize("name", NAMES)
def test_shapes_tell_the_configurations_that_open_clip_ships(name: str):
    shipped: Any = open_clip.get_model_config(name)
    header = shapes_of(shipped)
    found = config_from_shapes(header, False, "here")["model_cfg"]
    assert shapes_of(found) == header
    assert found["vision_cfg"]["head_width"] == shipped["vision_cfg"].get("head_width", 64)
    assert found["text_cfg"]["heads"] == shipped["text_cfg"]["heads"]
    assert found["vision_cfg"]["image_size"] == shipped["vision_cfg"]["image_size"]
    assert architecture(header) == NAMES[name]


def shapes_of(cfg: dict[str, Any]) -> Header:
    with torch.device("meta"):
        model = open_clip.CLIP(**cfg)
    return {name: ("F32", tuple(tensor.shape)) for name, tensor in model.state_dict().items()}


def test_other_designs_have_no_architecture_of_a_vit():
    assert architecture({"visual.layer1.0.conv1.weight": ("F32", (1,))}) == "a ResNet"
    assert architecture({"visual.trunk.cls_token": ("F32", (1,))}) == "a tower of timm"
    assert architecture({"logit_scale": ("F32", ())}) == "not stated"


@pytest.mark.parametrize("ratio", [2.5, 3.7])
def test_an_mlp_of_another_width(ratio: float, tmp_path: Path):
    model = drawn(open_clip.CLIP(**model_cfg(True, mlp_ratio=ratio)), 1)
    found = saved(model.state_dict(), tmp_path)
    config = config_from_shapes(found.header, True, "here")
    assert config["model_cfg"]["vision_cfg"]["mlp_ratio"] == int(ratio * 64) / 64
    ours = features(config, tower_of(found), found, tiny_images())
    with torch.no_grad():
        assert difference(ours, model.encode_image(prepared(tiny_images()))) <= CLOSE


BLOCK = "visual.transformer.resblocks."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"visual.layer1.0.conv1.weight": (64, 64, 1, 1)}, "weights tell the sizes of a ViT, not of a ResNet: "),
        ({"visual.trunk.cls_token": (1, 1, 64)}, "weights tell the sizes of a ViT, not of a tower of timm: "),
        ({"visual.proj": None}, "a CLIP of a ViT has 'proj', which is missing in here"),
        ({"visual.conv1.weight": (64,)}, "'conv1.weight' has 4 sizes, none of them 0, received (64,) in here"),
        (
            {"visual.conv1.weight": (64, 3, 16, 8)},
            "patches are square and of three colours, received 'conv1.weight' of",
        ),
        (
            {"visual.conv1.weight": (64, 3, 0, 0)},
            "'conv1.weight' has 4 sizes, none of them 0, received ",
        ),
        (
            {"visual.positional_embedding": (7, 64)},
            "a ViT has a square of patches and a class token, received 7 ",
        ),
        (
            {"visual.positional_embedding": (1, 64)},
            "a ViT has a square of patches and a class token, received 1 ",
        ),
        (
            {BLOCK + "0.mlp.c_fc.weight": None},
            "a CLIP of a ViT has 'transformer.resblocks.0.mlp.c_fc.weight', ",
        ),
        ({BLOCK + "99999.ln_1.weight": (64,)}, "a backbone config describes a CLIP: 'model_cfg.vision_cfg.layers"),
        ({"token_embedding.weight": None}, "a CLIP of a ViT has 'token_embedding.weight', which is missing in here"),
    ],
)
def test_shapes_of_no_vit_are_refused_by_name(change: dict[str, tuple[int, ...] | None], sentence: str):
    changed = {name: None if shape is None else ("F32", shape) for name, shape in change.items()}
    header = {name: entry for name, entry in {**shapes_of(model_cfg(True)), **changed}.items() if entry is not None}
    with pytest.raises(InputError) as caught:
        config_from_shapes(header, True, "here")
    assert str(caught.value).startswith(sentence)
    assert is_one_sentence(str(caught.value))
