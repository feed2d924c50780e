"""LoRA adapters give the weights that PEFT merges them to, and what is no s · B A is refused by its name."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from otmf_core.errors import InputError
from otmf_core.library.importers.lora import LoraAdapter
from otmf_core.models.clip import clip_tower
from tests.tiny import CONFIG, is_one_sentence

VISION = {"image_size": 16, "patch_size": 8, "width": 32, "layers": 2, "head_width": 16, "mlp_ratio": 2.0}
OPEN_CLIP = {**CONFIG, "model_cfg": {**CONFIG["model_cfg"], "vision_cfg": VISION, "quick_gelu": True}}
LAYER = "base_model.model.vision_model.encoder.layers.0."
NAMES = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm": "ln_pre",
    "post_layernorm": "ln_post",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm": "ln_",
    "self_attn": "attn",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


@pytest.fixture(scope="module")
def pretrained() -> Any:
    """A tiny image tower of transformers with its projection, whose activation is QuickGELU."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "image_size": 16, "patch_size": 8}
    sizes |= {"num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": 16}
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes))
    for value in model.parameters():  # biases and embeddings begin at zero
        value.data += 0.05 * torch.randn_like(value)
    return model.eval()


def in_open_clip(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of transformers' image tower in open_clip's names, q, k and v stacked."""
    found: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        name = name.removeprefix("vision_model.")
        for old, new in NAMES.items():
            name = name.replace(old, new)
        found[name] = value.clone()
    found["proj"] = found.pop("visual_projection.weight").T.contiguous()
    for layer in range(2):
        for kind in ("weight", "bias"):
            at = f"transformer.resblocks.{layer}.attn."
            found[f"{at}in_proj_{kind}"] = torch.cat([found.pop(f"{at}{part}_proj.{kind}") for part in "qkv"])
    return found


def adapted(pretrained: Any, folder: Path, inner: bool = False, **settings: Any) -> Any:
    """A model of PEFT with random factors, saved in that folder; of the inner transformer alone, as its names tell."""
    import copy

    from peft import LoraConfig, get_peft_model

    model = copy.deepcopy(pretrained)
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peft = get_peft_model(model.vision_model if inner else model, LoraConfig(**{"r": 4, **settings}))
        for value in peft.parameters():
            if value.requires_grad:
                value.data.add_(0.1 * torch.randn_like(value))
        peft.save_pretrained(str(folder))
        if inner:
            model.vision_model = peft.merge_and_unload()
            return model
        return peft.merge_and_unload()


def edit(folder: Path, **settings: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def agree(folder: Path, pretrained: Any, merged: nn.Module) -> LoraAdapter:
    """Check weights and features against a merged model of transformers."""
    adapter = LoraAdapter(folder)
    base, expected = in_open_clip(pretrained), in_open_clip(merged)
    adapter.check({name: ("F32", tuple(value.shape)) for name, value in base.items()})
    delta = adapter.task_vector(base)
    assert delta.keys() == base.keys()
    for name, value in delta.items():
        assert value.dtype == torch.float32
        assert (base[name] + value - expected[name]).abs().max() <= 1e-6, name
    tower = clip_tower(OPEN_CLIP, base, torch.device("cpu"), "the test")
    tower.load(delta)
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        features = merged(pixel_values=images).image_embeds
        assert (tower.module(images) - features).abs().max() <= 1e-5
        assert (pretrained(pixel_values=images).image_embeds - features).abs().max() > 1e-3
    return adapter


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["q_proj", "v_proj"], "lora_alpha": 32},
        {"target_modules": ["k_proj", "out_proj", "fc1", "fc2", "visual_projection"], "use_rslora": True},
        {
            "target_modules": ["q_proj", "v_proj", "fc1"],
            "rank_pattern": {"q_proj": 2, r"^vision_model\.encoder\.layers\.1\..*v_proj": 3},
            "alpha_pattern": {"layers.0.mlp.fc1": 5, "(q|v)_proj": 7},
        },
        {"target_modules": ["fc1"], "bias": "lora_only"},
        {"target_modules": ["fc1", "q_proj"], "bias": "all", "lora_bias": True},
        {"target_modules": ["q_proj"], "bias": "all", "modules_to_save": ["post_layernorm", "pre_layrnorm"]},
        {"target_modules": ["v_proj"], "modules_to_save": ["visual_projection", "layer_norm1"]},
        {"target_modules": ["patch_embedding", "position_embedding"], "lora_alpha": 3},
        {"target_modules": ["q_proj"], "init_lora_weights": "gaussian", "fan_in_fan_out": True},
        {"target_modules": ["q_proj"], "init_lora_weights": False},
    ],
    ids=lambda settings: "-".join(key for key in settings if key != "target_modules"),
)
def test_weights_and_features_are_those_that_peft_merges(tmp_path: Path, pretrained: Any, settings: dict[str, Any]):
    merged = adapted(pretrained, tmp_path, **settings)
    adapter = agree(tmp_path, pretrained, merged)
    assert (adapter.family, adapter.precision, adapter.activation) == ("lora", "F32", None)
    assert adapter.files == (tmp_path / "adapter_model.safetensors", tmp_path / "adapter_config.json")


def test_a_flag_that_peft_unsets_for_linear_layers(tmp_path: Path, pretrained: Any):
    merged = adapted(pretrained, tmp_path, target_modules=["q_proj"])
    edit(tmp_path, fan_in_fan_out=True)
    agree(tmp_path, pretrained, merged)


def test_an_adapter_of_the_inner_transformer_with_its_base(tmp_path: Path, pretrained: Any):
    merged = adapted(pretrained, tmp_path, inner=True, target_modules=["q_proj", "v_proj"])
    edit(tmp_path, base_model_name_or_path="openai/clip-vit-base-patch16")
    keys = load_file(tmp_path / "adapter_model.safetensors")
    assert all(key.startswith("base_model.model.encoder.layers.") for key in keys)
    assert agree(tmp_path, pretrained, merged).base_model == "openai/clip-vit-base-patch16"


def test_factors_of_half_precision_in_a_torch_file(tmp_path: Path, pretrained: Any):
    adapted(pretrained, tmp_path, target_modules=["q_proj"], lora_alpha=8)
    path = tmp_path / "adapter_model.safetensors"
    halves = {name: value.half() for name, value in load_file(path).items()}
    torch.save(halves, tmp_path / "adapter_model.bin")
    path.unlink()
    adapter = LoraAdapter(tmp_path)
    assert (adapter.precision, adapter.files[0].name) == ("F16", "adapter_model.bin")
    delta = adapter.task_vector(in_open_clip(pretrained))
    expected = 2 * halves[f"{LAYER}self_attn.q_proj.lora_B.weight"].double() @ halves[
        f"{LAYER}self_attn.q_proj.lora_A.weight"
    ].double()  # fmt: skip
    found = delta["transformer.resblocks.0.attn.in_proj_weight"]
    assert torch.allclose(found[:32].double(), expected, atol=1e-7)
    assert not found[32:].any() and not delta["proj"].any()


@pytest.fixture(scope="module")
def honest(pretrained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    adapted(pretrained, folder, target_modules=["q_proj", "fc1"], lora_alpha=4)
    return folder


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return shutil.copytree(honest, tmp_path / "adapter")


def refusal(folder: Path, pretrained: Any) -> str:
    with pytest.raises(InputError) as caught:
        LoraAdapter(folder).task_vector(in_open_clip(pretrained))
    assert is_one_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"peft_type": "ADALORA"}, "'ADALORA'"),
        ({"peft_type": None}, "None"),
        ({"use_dora": True}, "use_dora"),
        ({"use_qalora": True}, "use_qalora"),
        ({"use_bdlora": {"nblocks": 2}}, "use_bdlora"),
        ({"arrow_config": {"top_k": 2}}, "arrow_config"),
        ({"kasa_config": {"beta": 1}}, "kasa_config"),
        ({"velora_config": {"scale": 1}}, "velora_config"),
        ({"monteclora_config": {"a": 1}}, "monteclora_config"),
        ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
        ({"layer_replication": [[0, 1]]}, "layer_replication"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
        ({"target_parameters": ["a"]}, "target_parameters"),
        ({"megatron_config": {"a": 1}}, "megatron_config"),
        *(
            ({"init_lora_weights": kind}, f"init_lora_weights {kind!r}")
            for kind in ("pissa", "pissa_niter_4", "olora", "corda", "eva", "loftq", "lora_ga", "orthogonal", "mica")
        ),
        ({"r": 0}, "'r'"),
        ({"r": 8}, "rank 8"),
        ({"r": "4"}, "'r'"),
        ({"lora_alpha": 0}, "'lora_alpha'"),
        ({"lora_alpha": float("nan")}, "'lora_alpha'"),
        ({"use_rslora": "yes"}, "'use_rslora'"),
        ({"rank_pattern": {"q_proj": 2}}, "rank 2"),
        ({"rank_pattern": [4]}, "'rank_pattern'"),
        ({"rank_pattern": {"(": 4}}, "regular expression"),
        ({"rank_pattern": {"(a+)+": 4}}, "repeats"),
        ({"alpha_pattern": {".*.*.*b": 4}}, "repeats"),
        ({"alpha_pattern": {"(a|a)(a|a)(a|a)": 4}}, "repeats"),
        ({"alpha_pattern": {r"(a)\1": 4}}, "repeats"),
        ({"alpha_pattern": {"a" * 201: 4}}, "200 at most"),
        ({"alpha_pattern": {"(?=a)": 4}}, "letters"),
    ],
)
def test_configurations_that_are_refused(folder: Path, pretrained: Any, settings: dict[str, Any], words: str):
    edit(folder, **settings)
    assert words in refusal(folder, pretrained)


def zero(tensors: dict[str, Tensor]) -> None:
    for name in tensors:
        if "lora_B" in name:
            tensors[name] = torch.zeros_like(tensors[name])


def rename(old: str, new: str) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        for name in [*tensors]:
            tensors[name.replace(old, new)] = tensors.pop(name)

    return change


Q = f"{LAYER}self_attn.q_proj"
NARROW = {f"{Q}.lora_A.weight": torch.ones(4, 16)}
LONG = {f"{Q}.lora_B.weight": torch.ones(48, 4)}
TWICE = {f"base_model.model.encoder.layers.0.mlp.fc1.lora_{part}.weight": torch.ones(4, 4) for part in "AB"}
BEYOND = {f"{LAYER.replace('0', '7')}mlp.fc1.lora_{part}.weight": torch.ones(4, 4) for part in "AB"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (zero, "B is zero"),
        (rename("vision_model", "text_model"), "text_model"),
        (rename("q_proj", "query"), "query"),
        (rename("lora_A", "lora_C"), "lora_C"),
        (rename("lora_A.weight", "lora_A.default.weight"), "lora_A.default.weight"),
        (lambda tensors: tensors.pop(f"{Q}.lora_A.weight"), "one alone"),
        (lambda tensors: tensors.update({f"{Q}.lora_magnitude_vector": torch.ones(32)}), "lora_magnitude_vector"),
        (lambda tensors: tensors.update({"base_model.model.classifier.weight": torch.ones(2)}), "classifier"),
        (lambda tensors: tensors.update({f"{LAYER}mlp.fc1.base_layer.bias": torch.ones(3)}), "expected (64,)"),
        (lambda tensors: tensors.update({f"{Q}.base_layer.bias": torch.full((32,), torch.nan)}), "finite"),
        (lambda tensors: tensors.update(NARROW), "expected (32, 32)"),
        (lambda tensors: tensors.update(LONG), "expected (32, 32)"),
        (lambda tensors: tensors.update(TWICE), "changed twice"),
        (lambda tensors: tensors.update(BEYOND), "resblocks.7"),
        (lambda tensors: (tensors.clear(), tensors.update({"a": torch.ones(1)})), "'a'"),
        (lambda tensors: tensors.clear(), "factors A and B"),
        (lambda tensors: tensors.update({f"{'model.' * 40}x": torch.ones(1)}), "factors A and B"),
        (lambda tensors: tensors.update({f"{Q}.lora_A.weight": torch.ones(4, 32, dtype=torch.int32)}), "one alone"),
    ],
)
def test_factors_that_are_refused(folder: Path, pretrained: Any, change: Callable[[dict], Any], words: str):
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    assert words in refusal(folder, pretrained)


def test_folders_that_are_refused(folder: Path, pretrained: Any, tmp_path: Path):
    (folder / "linearized_adapter_model.safetensors").touch()
    assert "linearised" in refusal(folder, pretrained)
    (folder / "linearized_adapter_model.safetensors").unlink()
    (folder / "adapter_config.json").rename(tmp_path / "elsewhere.json")
    assert "missing" in refusal(folder, pretrained)
    (folder / "adapter_config.json").symlink_to(tmp_path / "elsewhere.json")
    assert "leads out" in refusal(folder, pretrained)
    (folder / "adapter_model.safetensors").unlink()
    assert "adapter_model.bin" in refusal(folder, pretrained)


def test_a_pre_trained_model_without_what_is_adapted(tmp_path: Path, pretrained: Any):
    adapted(pretrained, tmp_path, target_modules=["visual_projection"])
    tower = {name: ("F32", tuple(value.shape)) for name, value in in_open_clip(pretrained).items() if name != "proj"}
    with pytest.raises(InputError, match="belongs to proj") as caught:
        LoraAdapter(tmp_path).check(tower)
    assert is_one_sentence(str(caught.value))
