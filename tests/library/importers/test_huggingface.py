"""CLIPs of transformers give here the features that they give there: versions 4 and 5, each class, each precision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.library.importers.huggingface import HuggingFaceCheckpoint
from otmf_core.library.importers.safetensors_files import SafetensorsContents
from otmf_core.models.clip import build_clip
from tests.clips import (
    CLOSE,
    EMBEDDING,
    SIDE,
    difference,
    features,
    prepared,
    tiny_images,
    tiny_tokens,
    tower_of,
    transformers_model,
)
from tests.tiny import ROOT, is_one_sentence

if TYPE_CHECKING:
    from torch import Tensor

GOLDEN = ROOT / "tests/golden/hub"
WEIGHTS = "model.safetensors"


def opened(folder: Path, weights: str = WEIGHTS) -> HuggingFaceCheckpoint:
    return HuggingFaceCheckpoint(SafetensorsContents(folder / weights))


def renamed(folder: Path, change: Any) -> HuggingFaceCheckpoint:
    """The checkpoint of a folder after a change of its tensors by name."""
    tensors = change(load_file(folder / WEIGHTS))
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    return opened(folder)


def edited(folder: Path, name: str, change: Any) -> None:
    """A change of a JSON object in a folder."""
    fields = json.loads((folder / name).read_text())
    change(fields)
    (folder / name).write_text(json.dumps(fields))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole CLIPModel, which no test changes."""
    folder = tmp_path_factory.mktemp("base")
    transformers_model(seed=1).save_pretrained(folder)
    return folder


@pytest.fixture
def own(base: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    for name in ("config.json", WEIGHTS):
        (tmp_path / name).write_bytes((base / name).read_bytes())
    return tmp_path


@torch.no_grad()
def image_features(model: Any, images: Tensor) -> Tensor:
    return model.get_image_features(pixel_values=prepared(images)).pooler_output


def config_of(checkpoint: HuggingFaceCheckpoint) -> dict[str, Any]:
    config = checkpoint.config
    assert config is not None
    return config


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_a_whole_clip_gives_its_features_of_images_and_texts(activation: str, heads: int, tmp_path: Path):
    model = transformers_model(activation, heads=heads)
    model.save_pretrained(tmp_path)
    found = opened(tmp_path)
    assert found.activation == activation
    assert found.projected
    config = config_of(found)
    assert config["model_cfg"]["quick_gelu"] == (activation == "quick_gelu")
    ours = features(config, tower_of(found), found, tiny_images())
    assert difference(ours, image_features(model, tiny_images())) <= CLOSE

    clip = build_clip(config)
    clip.load_state_dict({name: found.read(name) for name in found.header})
    with torch.no_grad():
        texts = clip.encode_text(tiny_tokens())
        theirs: Any = model.get_text_features(input_ids=tiny_tokens())
    assert difference(texts, theirs.pooler_output) <= CLOSE
    assert found.header["logit_scale"] == ("F32", ())
    other = {**config, "model_cfg": {**config["model_cfg"], "quick_gelu": activation == "gelu"}}
    wrong = features(other, tower_of(found), found, tiny_images())
    assert difference(wrong, ours) > 100 * CLOSE


@pytest.mark.parametrize("prefix", ["", "vision_model.", "module.vision_model.", "base_model.model.model."])
def test_an_expert_without_a_projection_takes_that_of_the_pre_trained_model(prefix: str, base: Path, tmp_path: Path):
    from transformers import CLIPVisionModel

    pretrained, expert = transformers_model(seed=1), transformers_model(seed=2)
    vision = CLIPVisionModel(expert.config.vision_config).eval()
    vision.load_state_dict(expert.vision_model.state_dict())
    vision.save_pretrained(tmp_path)
    assert "embeddings.class_embedding" in load_file(tmp_path / WEIGHTS)  # as versions from 5.6 have it
    found = renamed(tmp_path, lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()})
    assert not found.projected
    assert found.config is None
    theta = tower_of(opened(base))
    delta = found.task_vector(theta)
    assert delta.keys() == theta.keys()
    assert not delta["proj"].any()
    ours = features(config_of(opened(base)), theta, found, tiny_images())
    with torch.no_grad():
        theirs = pretrained.visual_projection(vision(pixel_values=prepared(tiny_images())).pooler_output)
    assert difference(ours, theirs) <= CLOSE


@pytest.mark.parametrize("prefix", ["", "clip_model.", "vision_model.", "model.module."])
def test_an_expert_with_a_projection_brings_its_own(prefix: str, base: Path, tmp_path: Path):
    from transformers import CLIPVisionModelWithProjection

    expert: Any = CLIPVisionModelWithProjection(transformers_model(seed=2).config.vision_config).eval()
    whole = transformers_model(seed=2)
    expert.vision_model.load_state_dict(whole.vision_model.state_dict())
    expert.visual_projection.load_state_dict(whole.visual_projection.state_dict())
    expert.save_pretrained(tmp_path)
    found = renamed(tmp_path, lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()})
    assert found.projected
    ours = features(config_of(opened(base)), tower_of(opened(base)), found, tiny_images())
    with torch.no_grad():
        theirs = expert(pixel_values=prepared(tiny_images())).image_embeds
    assert difference(ours, theirs) <= CLOSE


@pytest.mark.parametrize(("dtype", "kind"), [(torch.float16, "F16"), (torch.bfloat16, "BF16")])
def test_half_precision_is_read_as_it_is(dtype: torch.dtype, kind: str, base: Path, tmp_path: Path):
    model = transformers_model(seed=2).to(dtype)
    model.save_pretrained(tmp_path)
    found = opened(tmp_path)
    assert found.precision == kind
    ours = features(config_of(found), tower_of(opened(base)), found, tiny_images())
    assert difference(ours, image_features(model.float(), tiny_images())) <= CLOSE


def test_shards_and_one_file_are_the_same(base: Path, tmp_path: Path):
    transformers_model(seed=1).save_pretrained(tmp_path, max_shard_size="100KB")
    assert not (tmp_path / WEIGHTS).exists()
    found, whole = opened(tmp_path, "model.safetensors.index.json"), opened(base)
    assert found.header == whole.header
    assert found.config == whole.config
    assert len(found.files) > 3
    for name in whole.header:
        assert torch.equal(found.read(name), whole.read(name))


@pytest.mark.parametrize("name", ["vision", "projected", "clip", "old"])
def test_files_of_transformers_4_give_what_it_computed(name: str):
    known = load_file(GOLDEN / "features.safetensors")
    clip = opened(GOLDEN / "clip")
    ours = features(config_of(clip), tower_of(clip), opened(GOLDEN / name), known["images"])
    assert difference(ours, known["clip" if name == "old" else name]) <= CLOSE


def test_texts_of_transformers_4():
    known, found = load_file(GOLDEN / "features.safetensors"), opened(GOLDEN / "clip")
    clip = build_clip(config_of(found))
    clip.load_state_dict({name: found.read(name) for name in found.header})
    with torch.no_grad():
        assert difference(clip.encode_text(known["tokens"]), known["texts"]) <= CLOSE


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16])
def test_buffers_of_positions_are_no_weights(dtype: torch.dtype, own: Path):
    before = opened(own).header
    positions = torch.arange(5)[None].to(dtype)
    more = {"vision_model.embeddings.position_ids": positions, "text_model.embeddings.position_ids": positions.clone()}
    found = renamed(own, lambda tensors: {**tensors, **more})
    assert found.header == before
    assert found.precision == "F32"


def test_a_logit_scale_of_one_value_is_a_scalar(own: Path):
    found = renamed(own, lambda tensors: {**tensors, "logit_scale": tensors["logit_scale"].reshape(1)})
    assert found.header["logit_scale"] == ("F32", ())
    assert found.read("logit_scale").shape == ()


def test_weights_alone_tell_sizes_and_openais_settings(own: Path):
    stated = config_of(opened(own))
    (own / "config.json").unlink()
    found = opened(own)
    assert found.activation is None
    assert found.files == (own / WEIGHTS,)
    assert found.config == stated


def test_the_older_of_two_settings_stands_above_the_newer(own: Path):
    edited(own, "config.json", lambda fields: fields.update(vision_config_dict={**fields["vision_config"]}))
    edited(own, "config.json", lambda fields: fields["vision_config"].update(hidden_act="gelu"))
    assert opened(own).activation == "quick_gelu"


PROCESSOR = {"crop_size": SIDE, "size": SIDE, "resample": 3, "do_resize": True, "image_mean": [0.5, 0.4, 0.3]}


@pytest.mark.parametrize(
    "fields",
    [PROCESSOR, {**PROCESSOR, "size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}],
)
@pytest.mark.parametrize("name", ["preprocessor_config.json", "processor_config.json"])
def test_the_processor_tells_mean_and_deviation(name: str, fields: dict[str, Any], own: Path):
    content = fields if name.startswith("pre") else {"image_processor": fields, "processor_class": "CLIPProcessor"}
    (own / name).write_text(json.dumps(content))
    found = opened(own)
    assert own / name in found.files
    assert config_of(found)["preprocess_cfg"] == {
        "mean": [0.5, 0.4, 0.3],
        "std": [0.26862954, 0.26130258, 0.27577711],
        "size": SIDE,
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }


@pytest.mark.parametrize("mean", [7, "grey", [0.5], [0.5, "x", 0.5]])
def test_a_mean_of_nothing(mean: object, own: Path):
    (own / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, "image_mean": mean}))
    with pytest.raises(InputError, match=r"^a backbone config describes a CLIP: 'preprocess_cfg.mean"):
        _ = opened(own).config


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("resample", 2),
        ("size", 224),
        ("size", {"height": SIDE, "width": SIDE}),
        ("crop_size", {"height": SIDE, "width": 2 * SIDE}),
        ("do_center_crop", False),
        ("do_normalize", False),
    ],
)
def test_another_preparation_is_refused_by_name(field: str, value: object, own: Path):
    (own / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, field: value}))
    with pytest.raises(InputError, match=f"^images are prepared as CLIP's are, .*: {field} is ") as caught:
        _ = opened(own).config
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("part", "field", "value", "sentence"),
    [
        ("", "model_type", "siglip", "a model is of type 'clip' or 'clip_vision_model', received 'siglip' in "),
        ("", "vision_config", 7, "vision_config is an object, received 7 in "),
        ("vision_config", "hidden_act", "gelu_new", "hidden_act is quick_gelu or gelu, which open_clip has, received "),
        ("vision_config", "hidden_act", ["gelu"], "hidden_act is quick_gelu or gelu, which open_clip has, received "),
        ("text_config", "hidden_act", "gelu", "both towers of a CLIP have one hidden_act, received 'quick_gelu' of "),
        ("vision_config", "layer_norm_eps", 1e-6, "layer_norm_eps is 1e-05, as open_clip has it, received 1e-06 in "),
        ("text_config", "layer_norm_eps", "x", "layer_norm_eps is 1e-05, as open_clip has it, received 'x' in "),
        ("vision_config", "num_attention_heads", 0, "num_attention_heads is a whole number above 0, received 0 in "),
        ("vision_config", "num_attention_heads", 7, "attention heads divide the width of a tower, received 7 of 64 in"),
        ("text_config", "num_attention_heads", 7, "attention heads divide the width of a tower, received 7 of 64 in"),
        ("vision_config", "image_size", 48, "weights have a position for every patch of an image: config.json has "),
    ],
)
def test_settings_that_open_clip_does_not_express(part: str, field: str, value: object, sentence: str, own: Path):
    edited(own, "config.json", lambda fields: (fields[part] if part else fields).update({field: value}))
    with pytest.raises(InputError) as caught:
        _ = opened(own).config
    assert str(caught.value).startswith(sentence)
    assert is_one_sentence(str(caught.value))


LAYER = "vision_model.encoder.layers.1.self_attn."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"classifier.weight": torch.ones(3, 64)},
            "a CLIP of transformers has its keys alone: 'classifier.weight' is ",
        ),
        (
            {"vision_model.encoder.layers.1.mlp.fc3.weight": torch.ones(1)},
            "a CLIP of transformers has its keys alone: ",
        ),
        ({LAYER + "v_proj.weight": None}, "q, k and v come together: v_proj is missing beside "),
        ({LAYER + "k_proj.weight": torch.ones(64, 32)}, "q, k and v have one type and one shape: not so "),
        ({LAYER + "k_proj.bias": torch.ones(64).half()}, "q, k and v have one type and one shape: not so "),
        ({"pre_layrnorm.bias": torch.ones(64)}, "a CLIP has a tensor once: "),
        ({"logit_scale": torch.ones(1).to(torch.complex64)}, "weights are of type F64, F32, F16, BF16: 'logit_scale' "),
    ],
)
def test_keys_that_no_clip_has(change: dict[str, Tensor | None], sentence: str, own: Path):
    with pytest.raises(InputError) as caught:
        renamed(own, lambda tensors: {n: t for n, t in {**tensors, **change}.items() if t is not None})
    assert str(caught.value).startswith(sentence)
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"vision_model.encoder.layers.1.mlp.fc1.bias": None},
            "weights have exactly the keys of the pre-trained model: transformer.resblocks.1.mlp.c_fc.bias is missing ",
        ),
        ({"visual_projection.weight": torch.ones(EMBEDDING + 1, 64)}, "shapes follow the pre-trained model: proj is "),
        ({"visual_projection.weight": torch.tensor(1.0)}, "shapes follow the pre-trained model: proj is (), "),
        ({"visual_projection.weight": torch.ones(2, 3, 4)}, "shapes follow the pre-trained model: proj is (4, 3, 2), "),
    ],
)
def test_an_expert_of_another_shape_is_refused_by_key(
    change: dict[str, Tensor | None], sentence: str, own: Path, base: Path
):
    theta = tower_of(opened(base))
    found = renamed(own, lambda tensors: {n: t for n, t in {**tensors, **change}.items() if t is not None})
    with pytest.raises(InputError) as caught:
        found.check({name: ("F32", tuple(tensor.shape)) for name, tensor in theta.items()})
    assert str(caught.value).startswith(sentence)
    assert is_one_sentence(str(caught.value))
    with pytest.raises(InputError, match=r"^weights have exactly the keys|^shapes follow the pre-trained model"):
        found.task_vector(theta)


def test_a_text_tower_alone_is_no_expert(own: Path, base: Path):
    found = renamed(own, lambda tensors: {n: t for n, t in tensors.items() if n.startswith("text_model.")})
    with pytest.raises(InputError, match=r"^a fine-tuned CLIP has an image tower: no key of one is in "):
        found.check(opened(base).header)
