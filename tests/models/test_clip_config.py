"""The configuration of a CLIP: checked whole, and nothing in it reaches for a hub, a file or a program."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.models.clip_config import check_config, image_size
from tests.tiny import CONFIG, is_one_sentence, vouch


def changed(place: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *parents, last = place.split(".")
    at: Any = config
    for name in parents:
        at = at[name]
    at[last] = value
    return config


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("model_cfg", None), ("model_cfg", []), ("model_cfg.embed_dim", 0), ("model_cfg.embed_dim", 10**400),
        ("model_cfg.embed_dim", "16"), ("model_cfg.embed_dim", True), ("model_cfg.vision_cfg", "ViT-B-32"),
        ("model_cfg.vision_cfg.layers", 100_000), ("model_cfg.vision_cfg.layers", [1, 2]),
        ("model_cfg.vision_cfg.width", 10**9), ("model_cfg.vision_cfg.image_size", 10**6),
        ("model_cfg.vision_cfg.image_size", [16]), ("model_cfg.vision_cfg.mlp_ratio", float("nan")),
        ("model_cfg.vision_cfg.timm_model_name", "hf-hub:evil/model"),
        ("model_cfg.vision_cfg.timm_model_name", "local-dir:/tmp"), ("model_cfg.vision_cfg.timm_model_name", "../x"),
        ("model_cfg.vision_cfg.timm_model_pretrained", True), ("model_cfg.vision_cfg.act_kwargs", {"a": [1]}),
        ("model_cfg.text_cfg.hf_model_name", "evil/model"), ("model_cfg.text_cfg.hf_tokenizer_name", "evil/model"),
        ("model_cfg.text_cfg.vocab_size", 10**12), ("model_cfg.text_cfg.tokenizer_kwargs", {"vocabulary": "x"}),
        ("model_cfg.text_cfg.unheard_of", 1), ("model_cfg.custom_text", True), ("preprocess_cfg", None),
        ("preprocess_cfg.mean", [0.5]), ("preprocess_cfg.mean", ["a", "b", "c"]), ("preprocess_cfg.std", [0.5, 0.5, 0]),
        ("preprocess_cfg.std", [0.5, float("inf"), 0.5]), ("preprocess_cfg.size", -1), ("preprocess_cfg.size", "big"),
    ],
)  # fmt: skip
def test_what_describes_no_clip_is_one_sentence(place: str, value: Any):
    with pytest.raises(InputError, match=r"^a backbone config describes a CLIP: ") as caught:
        check_config(changed(place, value), "config.json")
    assert is_one_sentence(str(caught.value)) and place.split(".")[-1] in str(caught.value)


def test_the_configurations_of_the_field_pass():
    import open_clip

    preprocessing = CONFIG["preprocess_cfg"]
    for name in ("ViT-B-32", "ViT-B-32-quickgelu", "ViT-B-16", "ViT-L-14", "ViT-L-14-336", "RN50"):
        fields = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": preprocessing}
        check_config(fields, name)
    check_config(open_library("minizoo").backbone_config, "Mini-20")


def test_the_size_of_images():
    assert image_size(CONFIG) == (16, 16)
    assert image_size(changed("preprocess_cfg.size", 24)) == (24, 24)
    assert image_size(changed("preprocess_cfg.size", None)) == (16, 16)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layers": 200, "width": 16_384}, "(weights have exactly the keys|shapes follow the pre-trained model)"),
        ({"timm_model_name": "vit_gigantic_patch14_224"}, "weights have exactly the keys of the pre-trained model"),
        ({"timm_model_name": "no_such_model"}, "a backbone config describes a CLIP that can be built: RuntimeError"),
        ({"head_width": 33}, "a backbone config describes a CLIP that can be built: "),
        ({"norm_kwargs": {"warp": 9.0}}, "a backbone config describes a CLIP that can be built: TypeError"),
    ],
)
def test_a_network_that_the_weights_are_not_of_takes_no_memory(changes: dict, sentence: str, own_tiny: Path):
    config = copy.deepcopy(CONFIG)
    config["model_cfg"]["vision_cfg"].update(changes)
    (own_tiny / "backbone/config.json").write_text(json.dumps(config))
    vouch(own_tiny)
    with pytest.raises(InputError, match=f"^{sentence}"):
        open_library(str(own_tiny)).tower(torch.device("cpu"))
