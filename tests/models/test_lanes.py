"""A network in lanes against the same network as a whole."""

from __future__ import annotations

import os
import signal
import threading

import pytest
import torch
from torch import nn

from otmf_core.models import lanes
from otmf_core.models.lanes import FEWEST, fits, in_lanes, sharing


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 4)).double()


@pytest.mark.parametrize("count", [1, FEWEST - 1, FEWEST, 33])
def test_outputs_and_gradients_are_those_of_the_whole(count: int):
    module, inputs = network(), torch.randn(count, 6, dtype=torch.double)
    weights = torch.randn(count, 4, dtype=torch.double)
    outputs = []
    gradients = []
    for encode in (module, lambda x: in_lanes(module, module, x)):
        out = encode(inputs)
        (out.square() * weights).sum().backward()
        outputs.append(out.detach())
        gradients.append([parameter.grad for parameter in module.parameters()])
        module.zero_grad(set_to_none=True)
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*gradients)


def test_parameters_without_gradient_are_left_alone_and_those_unused_have_zeros():
    inner, spare = network(), nn.Linear(1, 1).double()
    module = nn.ModuleList([inner, spare])
    still, *others = inner.parameters()
    still.requires_grad_(False)
    in_lanes(inner, module, torch.randn(20, 6, dtype=torch.double)).sum().backward()
    assert still.grad is None
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in spare.parameters())
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in others)


def test_nothing_is_recorded_without_gradient():
    module = network()
    with torch.no_grad():
        out = in_lanes(module, module, torch.randn(20, 6, dtype=torch.double))
    assert not out.requires_grad


def test_halves_run_beside_each_other():
    meeting = threading.Barrier(2, timeout=30)

    def encode(x: torch.Tensor) -> torch.Tensor:
        meeting.wait()  # both are here at once, or this raises
        return x

    assert torch.equal(in_lanes(encode, nn.Identity(), torch.arange(20.0)), torch.arange(20.0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_has_lanes_of_its_own():
    """With its parent's it would wait for threads that are not there."""
    module, inputs = network(), torch.randn(20, 6, dtype=torch.double)
    with torch.no_grad():
        expected = in_lanes(module, module, inputs)
        child = os.fork()
        if not child:
            signal.alarm(20)  # ends a child that waits
            os._exit(0 if torch.equal(in_lanes(module, module, inputs), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_goes_wrong_in_a_lane_is_raised():
    def encode(x: torch.Tensor) -> torch.Tensor:
        raise ValueError(f"{len(x)} inputs")

    with pytest.raises(ValueError, match="10 inputs"):
        in_lanes(encode, nn.Identity(), torch.arange(20.0))


def test_large_networks_have_no_lanes(monkeypatch: pytest.MonkeyPatch):
    module = network()  # of 6·8 + 8 + 8·4 + 4 parameters
    monkeypatch.setattr(lanes, "SMALL", 92)
    assert fits(module)
    monkeypatch.setattr(lanes, "SMALL", 91)
    assert not fits(module)


def test_threads_are_shared_for_as_long_as_a_small_network_is_at_work():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        with sharing(network()):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
