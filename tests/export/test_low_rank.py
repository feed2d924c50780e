"""A LoRA adapter is the nearest of its rank, peft loads it, and how far it is off is measured and said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPVisionModelWithProjection

from otmf_core.errors import InputError
from otmf_core.export.huggingface import export_model as export_huggingface
from otmf_core.export.low_rank import Errors, approximate, export_model, factors
from tests.export.backbones import average, code, features, images, library_of, reconfigure, rewrite_manifest
from tests.tiny import is_one_sentence, merge_config, merged

# Of transformers, about what peft calls.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return average(tiny, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def pre_trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pre-trained model as transformers has it: what a merge of nothing exports."""
    out = tmp_path_factory.mktemp("pre-trained")
    run = merged(merge_config(tiny, method="task-arithmetic", scaling=0.0), out)
    return export_huggingface(run, out / "model")


def matrices(run: Path) -> dict[str, np.ndarray]:
    """The matrices of Δ_m in float64, q, k and v apart."""
    delta = {name: tensor.double().numpy() for name, tensor in load_file(run / "merged.safetensors").items()}
    found = {"projection": delta["proj"]}
    for name in ("attn.out_proj", "mlp.c_fc", "mlp.c_proj"):
        found[name] = delta[f"transformer.resblocks.0.{name}.weight"]
    for letter, part in zip("qkv", np.split(delta["transformer.resblocks.0.attn.in_proj_weight"], 3), strict=True):
        found[letter] = part
    return found


@pytest.mark.parametrize("rank", [1, 5, 16])
def test_the_errors_are_those_of_a_decomposition_in_float64(rank: int, run: Path, tmp_path: Path):
    folder, errors = export_model(run, rank, tmp_path / "adapter")
    values = [np.linalg.svd(matrix, compute_uv=False) for matrix in matrices(run).values()]
    assert len(values) == 7
    lost = sum(float(np.square(each[rank:]).sum()) for each in values)
    held = sum(float(np.square(each).sum()) for each in values)
    delta = load_file(run / "merged.safetensors").values()
    whole = sum(float(np.square(tensor.double().numpy()).sum()) for tensor in delta)
    assert errors.rank == rank
    assert errors.matrix_error == pytest.approx((lost / held) ** 0.5, rel=1e-4, abs=1e-6)
    assert errors.error == pytest.approx(((lost + whole - held) / whole) ** 0.5, rel=1e-5)
    assert errors.error > errors.matrix_error
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert [json.loads(metadata[key]) for key in ("rank", "error", "matrix_error")] == [*vars(errors).values()]
    assert json.loads(metadata["run"]) == "run"
    card = (folder / "README.md").read_text()
    assert f"rank {rank} " in card
    assert f"is {errors.error:.4f} over all" in card
    assert f"and {errors.matrix_error:.4f} over the weight" in card
    assert "the adapter's own were not measured" in card


def test_peft_adds_its_products_to_the_pre_trained_model(run: Path, pre_trained: Path, tmp_path: Path):
    folder, _ = export_model(run, 4, tmp_path / "adapter")
    base = CLIPVisionModelWithProjection.from_pretrained(pre_trained)
    before = {name: value.double().numpy() for name, value in base.state_dict().items()}
    after = PeftModel.from_pretrained(base, str(folder)).merge_and_unload().state_dict()
    block = "vision_model.encoder.layers.0"
    names = {
        "projection": "visual_projection", "q": f"{block}.self_attn.q_proj", "k": f"{block}.self_attn.k_proj",
        "v": f"{block}.self_attn.v_proj", "attn.out_proj": f"{block}.self_attn.out_proj",
        "mlp.c_fc": f"{block}.mlp.fc1", "mlp.c_proj": f"{block}.mlp.fc2",
    }  # fmt: skip
    for ours, name in names.items():
        left, values, right = np.linalg.svd(matrices(run)[ours], full_matrices=False)
        nearest = left[:, :4] * values[:4] @ right[:4]
        nearest = nearest.T if ours == "projection" else nearest
        found = after.pop(f"{name}.weight").double().numpy() - before[f"{name}.weight"]
        np.testing.assert_allclose(found, nearest, atol=1e-6)
    assert len(after) > 10
    assert all(np.array_equal(value.double().numpy(), before[name]) for name, value in after.items())


def test_features_come_near_the_merged_models(run: Path, pre_trained: Path, tmp_path: Path):
    folder, _ = export_model(run, 16, tmp_path / "adapter")
    model = code(folder, the_pre_trained_model=pre_trained)["model"]
    base = CLIPVisionModelWithProjection.from_pretrained(pre_trained)
    with torch.no_grad():
        found, before, expected = model(images(run)).image_embeds, base(images(run)).image_embeds, features(run)
    assert (found - expected).norm() < 0.7 * (before - expected).norm()


def test_a_whole_clip_takes_it_too(run: Path, pre_trained: Path, tmp_path: Path):
    folder, _ = export_model(run, 16, tmp_path / "adapter")
    vision = PeftModel.from_pretrained(CLIPVisionModelWithProjection.from_pretrained(pre_trained), str(folder))
    model = PeftModel.from_pretrained(CLIPModel.from_pretrained(pre_trained), str(folder))
    adapted = [name for name, _ in model.named_parameters() if "lora_A" in name]
    assert len(adapted) == 7
    assert not any("text_model" in name for name in adapted)
    with torch.no_grad():
        found = model(input_ids=torch.tensor([[1, 31]]), pixel_values=images(run)).image_embeds
        expected = torch.nn.functional.normalize(vision(images(run)).image_embeds, dim=-1)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_what_it_is_an_adapter_of_is_said_where_it_is_known(own_tiny: Path, tmp_path: Path):
    rewrite_manifest(lambda fields: fields["backbone"].update(base_model="openai/clip-vit-tiny"))(own_tiny)
    folder, _ = export_model(average(own_tiny, tmp_path), 3)
    assert folder == tmp_path / "run/export-lora"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "openai/clip-vit-tiny"
    assert (config["r"], config["lora_alpha"]) == (3, 3)
    assert 'from_pretrained("openai/clip-vit-tiny")' in (folder / "README.md").read_text()


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_factors_are_the_best_of_their_rank(shape: tuple[int, int]):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    for rank in (1, 3, min(shape)):
        b, a = factors(matrix, rank)
        assert (b.shape, a.shape) == ((shape[0], rank), (rank, shape[1]))
        assert b.dtype == a.dtype == torch.float32
        values = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
        assert (matrix - b @ a).norm() == pytest.approx(np.sqrt(np.square(values[rank:]).sum()), abs=1e-5)


def test_a_vector_of_zeros_is_held_whole():
    delta = {"visual_projection.weight": torch.zeros(3, 4), "vision_model.post_layernorm.bias": torch.zeros(4)}
    adapter, errors = approximate(delta, 2)
    assert errors == Errors(2, 0.0, 0.0)
    assert all(tensor.isfinite().all() for tensor in adapter.values())


@pytest.mark.parametrize("rank", [0, -1, 17])
def test_a_rank_that_the_matrices_do_not_have_is_refused(rank: int, run: Path):
    with pytest.raises(InputError) as caught:
        export_model(run, rank)
    assert str(caught.value) == (
        f"a LoRA adapter has a rank of 1 to 16, the shorter side of the matrices, received {rank}"
    )
    assert not (run / "export-lora").exists()


def test_a_tower_that_transformers_lacks_is_refused(own_tiny: Path, tmp_path: Path):
    reconfigure(lambda fields: fields["model_cfg"]["vision_cfg"].update(final_ln_after_pool=True))(own_tiny)
    run = average(own_tiny, tmp_path)
    with pytest.raises(InputError, match=r"vision_cfg\.final_ln_after_pool is True") as caught:
        export_model(run, 4)
    assert is_one_sentence(str(caught.value))
    assert library_of(run).root == own_tiny
