"""The encoders: one forward pass recomputed by hand, key names, token ids, and zero-shot heads."""

from typing import Any, cast

import open_clip
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from otmf_core.errors import InputError
from otmf_core.models.clip import build_clip, build_encoder, preprocess, tokenizer, vocabulary, zero_shot_head

TEXTS = ["a photo of a red fox.", "a drawing of the letter ka."]


def small_config():
    ids = vocabulary(TEXTS)
    return {
        "model_cfg": {
            "embed_dim": 64,
            "vision_cfg": {"image_size": 32, "timm_model_name": "otmf_convstem_vit", "timm_proj": "linear"},
            "text_cfg": {
                "context_length": 24, "vocab_size": len(ids), "width": 32, "heads": 2, "layers": 1,
                "tokenizer_kwargs": {"vocabulary": ids},
            },
        },
        "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.5, 1.0], "size": [32, 32]},
    }  # fmt: skip


def attention(x, block, heads):
    """Multi-head self-attention written out: softmax(q kᵀ / √d) v for each head, then the output projection."""
    n, tokens, width = x.shape
    q, k, v = block.attn.qkv(x).view(n, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    weights = torch.softmax(q @ k.transpose(-1, -2) / (width // heads) ** 0.5, dim=-1)
    return block.attn.proj((weights @ v).transpose(1, 2).reshape(n, tokens, width))


def test_the_image_tower_is_a_stem_and_pre_norm_blocks():
    torch.manual_seed(0)
    encoder = cast(Any, build_encoder(small_config()))  # whose submodules are known by name here alone
    images = torch.randn(2, 3, 32, 32)
    trunk, stem = encoder.trunk, encoder.trunk.patch_embed.layers
    x = images
    for i in (0, 3, 6):
        x = stem[i + 1](F.conv2d(x, stem[i].weight, stride=2, padding=1))
        x = F.gelu(x) if i < 6 else x
    x = x.reshape(2, 128, 16).transpose(1, 2) + trunk.pos_embed
    for block in trunk.blocks:
        x = x + attention(block.norm1(x), block, heads=4)
        hidden = F.gelu(block.mlp.fc1(block.norm2(x)))
        x = x + block.mlp.fc2(hidden)
    expected = trunk.fc_norm(x.mean(dim=1)) @ encoder.head.proj.weight.T
    torch.testing.assert_close(encoder(images), expected, atol=1e-5, rtol=1e-4)


def test_the_image_tower_has_no_running_statistics_and_fits_its_budget():
    encoder = build_encoder(small_config())
    assert not list(encoder.buffers())
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in encoder.modules())
    assert 0.9e6 < sum(p.numel() for p in encoder.parameters()) < 1.05e6


@pytest.mark.parametrize("config", [small_config(), open_clip.get_model_config("ViT-B-32")], ids=["stem", "ViT-B-32"])
def test_the_encoder_alone_loads_the_visual_half_of_the_clip(config):
    clip, encoder = build_clip(config), build_encoder(config)
    half = {key.removeprefix("visual."): value for key, value in clip.state_dict().items() if key.startswith("visual.")}
    encoder.load_state_dict(half, strict=True)
    size = config.get("model_cfg", config)["vision_cfg"]["image_size"]
    images = torch.randn(1, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images), clip.encode_image(images), rtol=0, atol=0)


def test_a_config_without_towers_is_refused():
    with pytest.raises(InputError, match="text_cfg is missing"):
        build_encoder({"model_cfg": {"embed_dim": 8, "vision_cfg": {}}})


def test_preprocessing_scales_and_normalises_each_channel():
    images = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    images[0, 1, 0] = torch.tensor([255, 51, 0])
    out = preprocess(images, small_config())
    assert out.shape == (1, 3, 2, 2)
    torch.testing.assert_close(out[0, :, 1, 0], torch.tensor([2.0, -0.4, -0.3]))
    torch.testing.assert_close(out[0, :, 0, 1], torch.tensor([-2.0, -0.8, -0.3]))


def test_compact_ids_keep_the_order_of_the_full_vocabulary():
    config = small_config()
    tokens, full = tokenizer(config)(TEXTS), open_clip.tokenize(TEXTS, context_length=24)
    assert torch.equal(tokens.argmax(dim=1), full.argmax(dim=1))  # the end token stays the highest
    assert torch.equal(tokens == 0, full == 0)  # padding stays zero
    ids = torch.tensor(config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["vocabulary"])
    assert torch.equal(ids[tokens], full)


def test_a_word_outside_the_vocabulary_is_named():
    with pytest.raises(InputError, match="a photo of a blue whale"):
        tokenizer(small_config())(["a photo of a blue whale."])


def test_standard_configs_use_the_standard_tokeniser():
    config = open_clip.get_model_config("ViT-B-32")
    assert config is not None
    tokens = tokenizer(config)(TEXTS)
    assert torch.equal(tokens, open_clip.tokenize(TEXTS))


def test_zero_shot_rows_are_normalised_means_over_templates():
    torch.manual_seed(0)
    config = small_config()
    model, tokenise = build_clip(config), tokenizer(config)
    head = zero_shot_head(model, tokenise, ["red fox", "letter ka"], ["a photo of a {}.", "a drawing of the {}."])
    first = [model.encode_text(tokenise([text]))[0] for text in ("a photo of a red fox.", "a drawing of the red fox.")]
    expected = torch.stack([feature / feature.norm() for feature in first]).sum(dim=0)
    assert head.shape == (2, 64)
    torch.testing.assert_close(head[0], expected / expected.norm())
