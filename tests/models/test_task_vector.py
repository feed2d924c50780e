"""Task vectors against NumPy."""

from __future__ import annotations

import numpy as np
import torch

from otmf_core.models.task_vector import combined, scaled

FIRST = {"w": torch.tensor([[1.0, -2.0], [0.5, 4.0]]), "b": torch.tensor([3.0])}
SECOND = {"w": torch.tensor([[2.0, 8.0], [-1.0, 0.25]]).half(), "b": torch.tensor([-1.0]).half()}


def test_scaled_and_combined_are_float32_and_leave_their_arguments_alone():
    np.testing.assert_array_equal(scaled(SECOND, 0.5)["w"].numpy(), [[1, 4], [-0.5, 0.125]])
    total = combined(FIRST, SECOND, 0.25, 2.0)
    np.testing.assert_array_equal(total["w"].numpy(), [[4.25, 15.5], [-1.875, 1.5]])
    np.testing.assert_array_equal(total["b"].numpy(), [-1.25])
    assert all(tensor.dtype == torch.float32 for tensor in (*total.values(), *scaled(SECOND, 1.0).values()))
    assert SECOND["w"].dtype == torch.float16
    assert FIRST["b"].item() == 3
