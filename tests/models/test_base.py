"""A tower's weights: the network's own tensors, set in place to θ⁰ + Δ; features batch by batch, without a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from otmf_core.errors import InputError
from otmf_core.models import base as module
from otmf_core.models.base import Tower

BASE = {"w": torch.tensor([[1.0, -2.0], [0.5, 4.0]]), "b": torch.tensor([3.0])}
DELTA = {"w": torch.tensor([[2.0, 8.0], [-1.0, 0.25]]).half(), "b": torch.tensor([-1.0]).half()}


class Encoder(nn.Module):
    """One weight and two buffers, of which one counts and is no weight."""

    b: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2, 2))
        self.register_buffer("b", torch.zeros(1))
        self.register_buffer("count", torch.tensor(5))

    def forward(self, rows: Tensor) -> Tensor:
        return rows @ self.w.T + self.b


class Rows(Tower):
    """A tower whose inputs are rows of numbers."""

    module: Encoder

    def encode(self, inputs: Tensor) -> Tensor:
        return self.module(inputs)

    def views(self, inputs: Tensor, count: int, seed: Sequence[int]) -> Tensor:
        raise NotImplementedError

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))


def tower() -> Rows:
    return Rows(Encoder(), BASE, torch.device("cpu"))


def test_weights_are_the_floating_point_tensors_of_the_network_itself():
    rows = tower()
    own = rows.weights()
    assert set(own) == {"w", "b"}
    own["w"].fill_(7)
    assert (rows.module.w == 7).all()


def test_loading_writes_in_place_and_goes_back():
    rows = tower()
    address = rows.module.w.data_ptr()
    rows.load(DELTA)
    np.testing.assert_array_equal(rows.module.w.detach().numpy(), [[3, 6], [-0.5, 4.25]])
    assert rows.module.b.item() == 2
    rows.load()
    assert torch.equal(rows.module.w.detach(), BASE["w"])
    assert rows.module.w.data_ptr() == address
    assert rows.module.count == 5


def test_features_of_many_inputs_are_those_of_each_without_a_gradient(monkeypatch):
    monkeypatch.setattr(module, "ENCODE_BATCH", 3)
    rows = tower()
    rows.load(DELTA)
    inputs = torch.arange(14.0).view(7, 2)
    expected = inputs.numpy() @ np.array([[3, 6], [-0.5, 4.25]]).T + 2
    features = rows.features(inputs, "rows")
    np.testing.assert_allclose(features.numpy(), expected, rtol=1e-6)
    assert not features.requires_grad
    assert rows.encode(inputs).requires_grad


@pytest.mark.parametrize(("value", "layer"), [(1e38, "layer 1"), (float("nan"), "layer 0"), (1e25, "the last layer")])
def test_features_that_are_not_finite_name_whose_they_are_and_the_first_layer(value: float, layer: str):
    network: Any = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(2) * value)
        network[1].weight.copy_(torch.eye(2) * (100.0 if value == 1e38 else 1.0))
    rows, inputs = Rows(network, {}, torch.device("cpu")), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    if value == value:
        assert torch.equal(rows.features(inputs[:1], "red"), torch.zeros(1, 2))
    with pytest.raises(InputError, match=f"^features must be finite: those of 'red' are not from {layer} on$"):
        rows.features(inputs, "red")
