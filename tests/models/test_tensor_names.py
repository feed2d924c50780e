"""Names of both towers, and of neither, become cells of a map."""

from __future__ import annotations

import open_clip
import pytest

from otmf_core.library.library import open_library
from otmf_core.models.clip import build_encoder
from otmf_core.models.tensor_names import attention_heads, kinds, layers, locate
from tests.tiny import CONFIG

TABLE = {
    # open_clip ViT
    "conv1.weight": ("Stem", "patch.weight"),
    "class_embedding": ("Stem", "class"),
    "positional_embedding": ("Stem", "position"),
    "ln_pre.bias": ("Stem", "norm.bias"),
    "transformer.resblocks.0.ln_1.weight": ("Block 0", "norm1.weight"),
    "transformer.resblocks.11.attn.in_proj_weight": ("Block 11", "qkv.weight"),
    "transformer.resblocks.11.attn.in_proj_bias": ("Block 11", "qkv.bias"),
    "transformer.resblocks.2.attn.out_proj.weight": ("Block 2", "proj.weight"),
    "transformer.resblocks.2.ls_1.gamma": ("Block 2", "ls1"),
    "transformer.resblocks.2.mlp.c_fc.bias": ("Block 2", "fc1.bias"),
    "transformer.resblocks.2.mlp.c_proj.weight": ("Block 2", "fc2.weight"),
    "ln_post.weight": ("Head", "norm.weight"),
    "proj": ("Head", "out.weight"),
    # timm and ours
    "trunk.pos_embed": ("Stem", "position"),
    "trunk.cls_token": ("Stem", "class"),
    "trunk.patch_embed.proj.bias": ("Stem", "patch.bias"),
    "trunk.patch_embed.layers.0.weight": ("Stem 0", "conv.weight"),
    "trunk.patch_embed.layers.4.bias": ("Stem 1", "norm.bias"),
    "trunk.patch_embed.layers.6.weight": ("Stem 2", "conv.weight"),
    "trunk.blocks.3.attn.qkv.weight": ("Block 3", "qkv.weight"),
    "trunk.blocks.3.attn.proj.bias": ("Block 3", "proj.bias"),
    "trunk.blocks.3.norm2.bias": ("Block 3", "norm2.bias"),
    "trunk.blocks.3.mlp.fc2.weight": ("Block 3", "fc2.weight"),
    "trunk.fc_norm.weight": ("Head", "norm.weight"),
    "head.proj.weight": ("Head", "out.weight"),
    # neither
    "layer1.0.conv1.weight": ("layer1.0", "conv1.weight"),
    "attnpool.k_proj.bias": ("attnpool.k_proj", "bias"),
    "trunk.blocks.3.attn.rope.freqs": ("trunk.blocks.3", "attn.rope.freqs"),
    "temperature": ("Other", "temperature"),
}


@pytest.mark.parametrize(("name", "cell"), TABLE.items())
def test_a_name_has_its_layer_and_kind(name: str, cell: tuple[str, str]):
    place = locate([name])[name]
    assert (place.layer, place.kind) == cell


def test_layers_run_from_input_to_output_and_kinds_as_a_block_computes():
    blocks = "transformer.resblocks"
    names = ["proj", f"{blocks}.10.mlp.c_fc.weight", f"{blocks}.2.ln_1.bias", "odd.7.thing", "conv1.weight"]
    found = locate([*names, f"{blocks}.2.attn.in_proj_weight"]).values()
    assert layers(found) == ["Stem", "Block 2", "Block 10", "odd.7", "Head"]
    assert kinds(found) == ["patch.weight", "norm1.bias", "qkv.weight", "fc1.weight", "out.weight", "thing"]


def test_two_names_never_share_a_cell():
    found = locate(["trunk.norm.weight", "trunk.fc_norm.weight", "visual.trunk.norm.weight"])
    assert len({(place.layer, place.kind) for place in found.values()}) == 3


@pytest.mark.parametrize("config", [CONFIG, open_library("minizoo").backbone_config], ids=["open_clip", "timm"])
def test_every_tensor_of_both_towers_is_known_and_heads_are_the_models_own(config: dict):
    encoder = build_encoder(config)
    found = locate(encoder.state_dict())
    assert {place.layer.split()[0] for place in found.values()} == {"Stem", "Block", "Head"}
    assert len({(place.layer, place.kind) for place in found.values()}) == len(found)
    own = {getattr(module, "num_heads", None) for module in encoder.modules()} - {None}
    assert attention_heads(config) in own


def test_heads_of_other_configs():
    config = open_clip.get_model_config("ViT-B-32")
    assert config is not None
    assert attention_heads(config) == 12
    assert attention_heads({"vision_cfg": {"timm_model_name": "convnext_base"}}) is None
    assert attention_heads({"vision_cfg": {"layers": [3, 4, 6, 3], "width": 64, "head_width": 64}}) == 1
    assert attention_heads({}) is None
