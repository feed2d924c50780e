"""The memory on a GPU by formula, held against what autograd keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from otmf_core.forecast.devices import activations, device_memory
from otmf_core.library.library import open_library
from otmf_core.models.clip import build_encoder
from tests.tiny import merge_config, vouch


def kept(config: dict[str, Any], images: int) -> int:
    """The bytes that autograd keeps of a forward pass, weights aside."""
    encoder = build_encoder(config)
    weights = {parameter.untyped_storage()._cdata for parameter in encoder.parameters()}
    sizes: dict[int, int] = {}
    alive: list[Any] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            sizes[storage._cdata] = storage.nbytes()
            alive.append(storage)  # so that no other takes its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        encoder(torch.randn(images, 3, 64, 64))
    return sum(sizes.values())


@pytest.mark.parametrize("quick_gelu", [True, False])
def test_what_a_batch_keeps_for_its_gradients(quick_gelu: bool):
    vision = {"image_size": 64, "patch_size": 8, "width": 128, "layers": 4, "head_width": 64}
    model = {"embed_dim": 32, "quick_gelu": quick_gelu, "vision_cfg": vision, "text_cfg": {}}
    config = {"model_cfg": model, "preprocess_cfg": {"size": 64}}
    per_image = kept(config, 3) - kept(config, 2)
    assert activations(config, 4) == pytest.approx(per_image, rel=0.05)


def test_towers_without_a_formula():
    model = {"vision_cfg": {"timm_model_name": "x", "image_size": 32}}
    assert activations({"model_cfg": model, "preprocess_cfg": {"size": 32}}, 4) is None


def test_the_sizes_of_clips_own_models_on_cards():
    """485.9 and 36.2 MiB an image were counted of ViT-L/14 and ViT-B/32 with QuickGELU, in float32."""
    for width, layers, patch, counted in ((1024, 24, 14, 485.9), (768, 12, 32, 36.2)):
        vision = {"image_size": 224, "patch_size": patch, "width": width, "layers": layers}
        config = {"model_cfg": {"quick_gelu": True, "vision_cfg": vision}, "preprocess_cfg": {"size": 224}}
        assert (activations(config, 4) or 0) / 2**20 == pytest.approx(counted, rel=0.02)


def test_the_images_of_an_iteration_take_memory_and_of_a_large_model_those_of_a_part(
    own_tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    path = own_tiny / "backbone/config.json"
    fields = json.loads(path.read_text())
    fields["model_cfg"]["vision_cfg"] |= {"image_size": 1024, "patch_size": 8, "width": 1024, "layers": 24}
    fields["preprocess_cfg"]["size"] = 1024  # whose weights are tiny: what counts is the batch
    path.write_text(json.dumps(fields))
    vouch(own_tiny)
    library = open_library(str(own_tiny))
    each = activations(library.backbone_config, 2) or 0
    for large, update, earlier, images in (  # two earlier tasks
        (False, "joint", None, 4 + 4),
        (False, "alternating", None, 4),
        (False, "joint", 60, 4 + 120),
        (True, "joint", 3, 4 + 6),
        (True, "joint", 60, 64),
    ):
        monkeypatch.setattr("otmf_core.forecast.devices.LARGE", 0 if large else 10**9)
        config = merge_config(library.root, update=update, batch=4, batch_earlier=earlier)
        assert device_memory(config, library) == pytest.approx((1 << 30) + images * each, rel=0.01)
    average = device_memory(merge_config(library.root, method="average"), library)
    assert average is not None and average < (1 << 30) + 128 * each
