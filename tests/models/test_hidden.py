"""The outputs of a network's layers against a forward pass that is written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from otmf_core.models import hidden as module
from otmf_core.models.base import Tower
from otmf_core.models.clip import ClipTower, build_encoder, preprocess
from otmf_core.models.hidden import layer_outputs
from tests.tiny import CONFIG


class Encoder(nn.Module):
    """A convolution, a bare position, a block of two maps, a bare map out: names as towers have them."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.randn(3))
        self.conv1 = nn.Conv2d(1, 3, 2, bias=False)
        self.blocks = nn.ModuleList([nn.ModuleDict({"norm1": nn.Linear(3, 5), "norm2": nn.Linear(5, 3)})])
        self.proj = nn.Parameter(torch.randn(3, 2))

    def tokens(self, images: Tensor) -> Tensor:
        tokens = self.conv1(images).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            assert isinstance(block, nn.ModuleDict)
            tokens = block["norm2"](block["norm1"](tokens).relu())
        return tokens

    def forward(self, images: Tensor) -> Tensor:
        return self.tokens(images).mean(dim=1) @ self.proj


class Pictures(Tower):
    """A tower of it."""

    def encode(self, inputs: Tensor) -> Tensor:
        return self.module(inputs)

    def views(self, inputs: Tensor, count: int, seed: Sequence[int]) -> Tensor:
        raise NotImplementedError

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))


@pytest.mark.parametrize("batch", [2, 128])
def test_of_a_made_up_network(batch: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "ENCODE_BATCH", batch)
    torch.manual_seed(1)
    encoder = Encoder().eval()
    tower = Pictures(encoder, {n: t.clone() for n, t in encoder.state_dict().items()}, torch.device("cpu"))
    images = torch.randn(5, 1, 4, 4)
    found = layer_outputs(tower, images)
    with torch.no_grad():
        convolved, tokens = encoder.conv1(images), encoder.tokens(images)
    assert list(found) == ["Stem", "Block 0", "Head"]
    torch.testing.assert_close(found["Stem"], convolved.mean(dim=(2, 3)))
    torch.testing.assert_close(found["Block 0"], tokens.mean(dim=1))
    torch.testing.assert_close(found["Head"], tower.features(images, "them"))  # of a bare map
    assert all(output.shape[0] == 5 and not output.requires_grad for output in found.values())
    assert not any(part._forward_hooks for part in encoder.modules())


def test_a_layer_of_bare_tensors_has_the_output_of_the_next():
    torch.manual_seed(1)
    encoder = Encoder().eval()
    base = {name: tensor.clone() for name, tensor in encoder.state_dict().items() if "conv1" not in name}
    found = layer_outputs(Pictures(encoder, base, torch.device("cpu")), torch.randn(5, 1, 4, 4))
    assert torch.equal(found["Stem"], found["Block 0"]) and not torch.equal(found["Head"], found["Block 0"][:, :2])


def test_of_the_image_tower_of_a_clip():
    torch.manual_seed(2)
    encoder = build_encoder(CONFIG)
    base = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    tower = ClipTower(encoder, base, torch.device("cpu"), CONFIG)
    images = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8)
    found = layer_outputs(tower, images)
    with torch.no_grad():
        vit: Any = encoder
        patches = vit.conv1(preprocess(images, CONFIG)).flatten(2).transpose(1, 2)
        first = vit.class_embedding.expand(3, 1, -1)
        stem = vit.ln_pre(torch.cat([first, patches], dim=1) + vit.positional_embedding)
        block = vit.transformer.resblocks[0](stem)
        head = vit.ln_post(block)
    assert list(found) == ["Stem", "Block 0", "Head"]
    for layer, output in (("Stem", stem), ("Block 0", block), ("Head", head)):
        torch.testing.assert_close(found[layer], output.mean(dim=1), atol=1e-5, rtol=1e-5)
