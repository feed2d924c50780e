"""Task vectors against NumPy."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from otmf_core.models.task_vector import apply, combined, scaled, weights

FIRST = {"w": torch.tensor([[1.0, -2.0], [0.5, 4.0]]), "b": torch.tensor([3.0])}
SECOND = {"w": torch.tensor([[2.0, 8.0], [-1.0, 0.25]]).half(), "b": torch.tensor([-1.0]).half()}


class Encoder(nn.Module):
    """One weight and two buffers, of which one counts and is no weight."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2, 2))
        self.register_buffer("b", torch.zeros(1))
        self.register_buffer("count", torch.tensor(5))


def test_scaled_and_combined_are_float32_and_leave_their_arguments_alone():
    np.testing.assert_array_equal(scaled(SECOND, 0.5)["w"].numpy(), [[1, 4], [-0.5, 0.125]])
    total = combined(FIRST, SECOND, 0.25, 2.0)
    np.testing.assert_array_equal(total["w"].numpy(), [[4.25, 15.5], [-1.875, 1.5]])
    np.testing.assert_array_equal(total["b"].numpy(), [-1.25])
    assert all(tensor.dtype == torch.float32 for tensor in (*total.values(), *scaled(SECOND, 1.0).values()))
    assert SECOND["w"].dtype == torch.float16
    assert FIRST["b"].item() == 3


def test_weights_are_the_floating_point_tensors_of_the_encoder_itself():
    encoder = Encoder()
    own = weights(encoder)
    assert set(own) == {"w", "b"}
    own["w"].fill_(7)
    assert (encoder.w == 7).all()


def test_apply_writes_in_place_and_goes_back():
    encoder = Encoder()
    place = encoder.w.data_ptr()
    apply(encoder, FIRST, SECOND)
    np.testing.assert_array_equal(encoder.w.detach().numpy(), [[3, 6], [-0.5, 4.25]])
    assert encoder.b.item() == 2
    apply(encoder, FIRST)
    assert torch.equal(encoder.w.detach(), FIRST["w"])
    assert encoder.w.data_ptr() == place
    assert encoder.count == 5
