"""Towers that compute more than their weights: as with weights changed by hand, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from otmf_core.errors import InputError
from otmf_core.models.clip import ClipTower, build_encoder
from otmf_core.models.grown import Place, grown
from otmf_core.models.matrices import IN_BLOCKS, matrices, matrix_shapes
from tests.tiny import CONFIG

OURS = {
    "model_cfg": {**CONFIG["model_cfg"], "vision_cfg": {"timm_model_name": "otmf_convstem_vit", "image_size": 32}},
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "size": [32, 32]},
}
backbones = pytest.mark.parametrize("config", [CONFIG, OURS], ids=["open_clip", "timm"])


def tower_of(config: dict) -> tuple[ClipTower, Tensor]:
    """A tower of random weights, and images for it."""
    torch.manual_seed(3)
    encoder = build_encoder(config)
    size = config["preprocess_cfg"]["size"][0]
    base = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    return ClipTower(encoder, base, torch.device("cpu"), config), torch.randint(0, 256, (5, size, size, 3)).byte()


def linear(weight: Tensor, x: Tensor) -> Tensor:
    return x @ weight.T


@backbones
def test_what_layers_add_is_what_their_weights_would(config: dict):
    tower, images = tower_of(config)
    delta = {name: 0.05 * torch.randn_like(tensor) for name, tensor in tower.base.items()}
    additions: dict[Place, Callable[[Tensor], Tensor]] = {}
    only = {name: torch.zeros_like(tensor) for name, tensor in delta.items()}
    for matrix, target in zip(matrices(delta), matrices(only), strict=True):
        if matrix.kind in IN_BLOCKS:
            target.values.copy_(matrix.values)
            additions[matrix.name, matrix.kind] = partial(linear, matrix.values.clone())
    blocks = 1 if config is CONFIG else 5
    assert len(additions) == 6 * blocks
    plain = tower.features(images, "images")
    found = grown(tower, additions).features(images, "images")
    assert torch.equal(tower.features(images, "images"), plain)  # nothing is left on the network
    tower.load(only)
    expected = tower.features(images, "images")
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (expected - plain).abs().max() > 1e-2


@backbones
def test_additions_of_nothing_change_nothing(config: dict):
    tower, images = tower_of(config)
    additions = {
        (matrix.name, matrix.kind): partial(linear, torch.zeros_like(matrix.values))
        for matrix in matrices(tower.base)
        if matrix.kind in IN_BLOCKS
    }
    found = grown(tower, additions).features(images, "images")
    torch.testing.assert_close(found, tower.features(images, "images"), rtol=1e-5, atol=1e-6)


def test_a_settled_tower_keeps_its_weights_and_not_the_pre_trained_ones():
    tower, images = tower_of(CONFIG)
    name = "transformer.resblocks.0.mlp.c_fc.weight"
    bigger = grown(tower, {(name, "fc1"): partial(linear, tower.base[name])})
    expected = bigger.features(images, "images")
    settled = bigger.settled()
    assert not settled.base and not settled.tower.base  # type: ignore[attr-defined]
    assert torch.equal(settled.features(images, "images"), expected)
    assert tower.base


def test_an_error_within_leaves_the_network_as_it_was():
    tower, images = tower_of(CONFIG)
    plain = tower.features(images, "images")

    def broken(x: Tensor) -> Tensor:
        raise RuntimeError("broken")

    places = [(matrix.name, matrix.kind) for matrix in matrices(tower.base) if matrix.kind in IN_BLOCKS]
    with pytest.raises(RuntimeError, match="broken"):
        grown(tower, dict.fromkeys(places, broken)).features(images, "images")
    assert torch.equal(tower.features(images, "images"), plain)
    assert not any(module._forward_hooks or "forward" in vars(module) for module in tower.module.modules())


def test_other_layers_are_refused_by_name():
    tower, images = tower_of(CONFIG)
    with pytest.raises(InputError, match=r"^what grows reaches linear layers .*: conv1 is of Conv2d$"):
        grown(tower, {("conv1.weight", "fc1"): nn.Identity()}).encode(images)


@backbones
def test_shapes_alone_tell_the_matrices(config: dict):
    tower, _ = tower_of(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in tower.base.items()}
    expected = [(matrix.kind, tuple(matrix.values.shape)) for matrix in matrices(tower.base)]
    assert list(matrix_shapes(shapes)) == expected
