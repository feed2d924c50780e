"""transformers loads the exported folder, and its features are those of the merged tower."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer, CLIPVisionModelWithProjection

from otmf_core.errors import InputError
from otmf_core.export.clip_config import image_processor
from otmf_core.export.huggingface import export_model
from otmf_core.export.tokenizer import tokenizer_files
from tests.export.backbones import average, clip_of, code, features, images, quick, reconfigure, without_text
from tests.tiny import CONFIG, is_one_sentence

SOUND = {"missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"}


def loaded(kind: Any, folder: Path) -> Any:
    model, told = kind.from_pretrained(folder, output_loading_info=True)
    assert told.keys() >= SOUND
    assert not any(told.values()), told
    return model.eval()


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return average(tiny, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_model(run, tmp_path_factory.mktemp("exported") / "model")


def test_a_whole_clip_answers_as_open_clips_does(run: Path, folder: Path):
    model, ours, inputs = loaded(CLIPModel, folder), clip_of(run), images(run)
    texts = torch.tensor([[30, 3, 4, 31, 0, 0, 0, 0], [30, 9, 31, 0, 0, 0, 0, 0], [30, 5, 6, 7, 8, 9, 2, 31]])
    with torch.no_grad():
        found = model(input_ids=texts, pixel_values=inputs)
        image, text, scale = ours(inputs, texts)
    torch.testing.assert_close(found.image_embeds, image, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.text_embeds, text, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.logits_per_image, scale * image @ text.T, atol=1e-4, rtol=0)
    assert model.dtype == torch.float32


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_an_image_tower_alone_has_our_towers_features(activation: str, own_tiny: Path, tmp_path: Path):
    without_text(own_tiny)
    if activation == "quick_gelu":
        quick(own_tiny)
    run = average(own_tiny, tmp_path)
    folder = export_model(run)
    assert folder == run / "export-huggingface"
    model = loaded(CLIPVisionModelWithProjection, folder)
    assert model.config.hidden_act == activation
    with torch.no_grad():
        found = model(images(run)).image_embeds
    torch.testing.assert_close(found, features(run), atol=1e-5, rtol=0)
    model.config.hidden_act = "quick_gelu" if activation == "gelu" else "gelu"
    with torch.no_grad():
        other = CLIPVisionModelWithProjection(model.config)
        other.load_state_dict(model.state_dict())
        assert (other.eval()(images(run)).image_embeds - found).abs().max() > 1e-5  # the activation is told apart


def test_the_files_are_those_of_a_hubs_folder(run: Path, folder: Path):
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors", "preprocessor_config.json",
    ]  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert (config["architectures"], config["model_type"], config["projection_dim"]) == (["CLIPModel"], "clip", 16)
    vision = config["vision_config"]
    assert (vision["num_attention_heads"], vision["intermediate_size"], vision["layer_norm_eps"]) == (2, 128, 1e-5)
    record = json.loads((run / "record.json").read_text())
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        metadata = file.metadata()
        names = set(file.keys())
        assert {str(file.get_tensor(name).dtype) for name in names} == {"torch.float32"}
    assert metadata.pop("format") == "pt"  # versions of transformers refuse other metadata without it
    facts = ("run", "method", "settings", "tasks", "labels", "acc", "bwt")
    assert {key: json.loads(value) for key, value in metadata.items()} == {key: record[key] for key in facts}
    outside = {"visual_projection.weight", "text_projection.weight", "logit_scale"}
    assert outside < names
    assert all(name.startswith(("vision_model.", "text_model.")) for name in names - outside)


def test_the_cards_code_loads_it(folder: Path):
    names = code(folder)
    assert isinstance(names["model"], CLIPModel)
    picture = Image.new("RGB", (40, 20), (255, 0, 0))
    assert names["processor"](picture, return_tensors="pt").pixel_values.shape == (1, 3, 16, 16)
    assert "tokenised" not in (folder / "README.md").read_text()


@pytest.mark.parametrize("squash", [False, True])
def test_pictures_are_prepared_as_open_clip_prepares_them(squash: bool, tmp_path: Path):
    preparation = {**CONFIG["preprocess_cfg"], "mean": [0.48, 0.45, 0.4], "std": [0.26, 0.27, 0.28]}
    preparation |= {"resize_mode": "squash"} if squash else {}
    fields = image_processor({**CONFIG, "preprocess_cfg": preparation}, "a file")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(fields))
    processor = CLIPImageProcessor.from_pretrained(tmp_path)
    from open_clip.transform import PreprocessCfg, image_transform_v2

    transform: Any = image_transform_v2(PreprocessCfg(**{**preparation, "size": (16, 16)}), is_train=False)
    picture = Image.effect_mandelbrot((48, 32), (-2, -1, 1, 1), 40).convert("RGB")
    found = processor(picture, return_tensors="pt").pixel_values[0]
    torch.testing.assert_close(found, transform(picture), atol=0.1, rtol=0)  # of two libraries' bicubic filters


def test_texts_are_tokenised_as_by_open_clip(tmp_path: Path):
    for name, fields in tokenizer_files(77).items():
        (tmp_path / name).write_text(json.dumps(fields))
    found = CLIPTokenizer.from_pretrained(tmp_path)
    texts = ["a photo of a cat.", "It's 2,024 THINGS!", "naïve  café\t日本", 'a photo of the number: "7"', ""]
    ours = open_clip.tokenizer.SimpleTokenizer()
    expected = [[ours.sot_token_id, *ours.encode(text), ours.eot_token_id] for text in texts]
    assert found(texts)["input_ids"] == expected
    assert found.model_max_length == 77
    assert found(["cat", "a photo"], padding=True)["input_ids"][0][-2:] == [ours.eot_token_id] * 2


def test_a_clip_of_the_whole_vocabulary_comes_with_its_tokenizer(own_tiny: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    reconfigure(lambda fields: fields["model_cfg"]["text_cfg"].update(vocab_size=49_408))(own_tiny)
    path = own_tiny / "backbone/weights.safetensors"
    state = load_file(path)
    save_file({**state, "token_embedding.weight": torch.randn(49_408, 16)}, path)
    reconfigure(lambda fields: None)(own_tiny)
    run = average(own_tiny, tmp_path)
    folder = export_model(run)
    names = code(folder)
    texts = ["red", "a photo"]
    inputs = names["processor"](text=texts, images=Image.new("RGB", (16, 16)), padding=True, return_tensors="pt")
    with torch.no_grad():
        found = names["model"](**inputs).text_embeds
        expected = clip_of(run).encode_text(open_clip.get_tokenizer("ViT-B-32", context_length=8)(texts), True)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda vision: vision.update(patch_dropout=0.5), ""),
        (lambda vision: vision.update(final_ln_after_pool=True), "vision_cfg.final_ln_after_pool is True"),
        (lambda vision: vision.update(norm_kwargs={"eps": 1e-6}), "vision_cfg.norm_kwargs is {'eps': 1e-06}"),
    ],
)
def test_what_transformers_has_no_place_for_is_refused_by_name(
    change: Callable[[dict], None], told: str, own_tiny: Path, tmp_path: Path
):
    reconfigure(lambda fields: change(fields["model_cfg"]["vision_cfg"]))(own_tiny)
    run = average(own_tiny, tmp_path)
    if not told:
        export_model(run)
        return
    with pytest.raises(InputError) as caught:
        export_model(run)
    assert str(caught.value) == f"transformers' CLIP is a plain ViT: {told} in {own_tiny / 'backbone/config.json'}"
    assert is_one_sentence(str(caught.value))
    assert not (run / "export-huggingface").exists()


def test_the_embedded_librarys_tower_is_refused(tmp_path: Path):
    from otmf_core.export.clip_config import vision_config
    from otmf_core.library.library import open_library

    with pytest.raises(InputError, match=r"vision_cfg.timm_model_name is 'otmf_convstem_vit' in minizoo$"):
        vision_config(open_library("minizoo").backbone_config, "minizoo")


@pytest.mark.parametrize("field", ["resize_mode", "interpolation"])
@pytest.mark.parametrize("value", ["longest", ["bicubic"]])
def test_other_preparations_are_refused(field: str, value: object):
    with pytest.raises(InputError, match=rf"preprocess_cfg\.{field} is ") as caught:
        image_processor({**CONFIG, "preprocess_cfg": {**CONFIG["preprocess_cfg"], field: value}}, "a file")
    assert is_one_sentence(str(caught.value))
