"""The gradients of a network's weights, taken one by one as the last backward of an iteration completes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from otmf_core.models.base import Tower

Consume = Callable[[str, Tensor, Tensor], None]  # a weight's name, its gradient G = dL/dθ, and the weight itself


@dataclass
class Backward:
    """Whether gradients are whole at the end of the next backward: until then they are summed."""

    last: bool = True


@contextmanager
def consumed(tower: Tower, consume: Consume) -> Iterator[Backward]:
    """In the block every gradient of the network's weights goes to `consume`, which may write the weight at once."""
    backward = Backward()
    weights = tower.weights()

    def hook(name: str) -> Callable[[nn.Parameter], None]:
        def take(parameter: nn.Parameter) -> None:
            if not backward.last:
                return
            gradient, parameter.grad = parameter.grad, None
            if gradient is not None:
                consume(name, gradient.contiguous(), weights[name])

        return take

    named = tower.module.named_parameters()
    hooks = [parameter.register_post_accumulate_grad_hook(hook(name)) for name, parameter in named]
    try:
        yield backward
    finally:
        for each in hooks:
            each.remove()
        tower.module.zero_grad(set_to_none=True)
