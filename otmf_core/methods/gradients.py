"""The gradients of a network's weights, taken one by one as backward produces them: never are all of them held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from otmf_core.models.base import Tower

Consume = Callable[[str, Tensor, Tensor], None]  # a weight's name, its gradient G = dL/dθ, and the weight itself


@contextmanager
def consumed(tower: Tower, consume: Consume) -> Iterator[None]:
    """In the block every gradient of the network's weights goes to `consume`, which may write the weight at once."""
    weights = tower.weights()

    def hook(name: str) -> Callable[[nn.Parameter], None]:
        def take(parameter: nn.Parameter) -> None:
            gradient, parameter.grad = parameter.grad, None
            if gradient is not None:
                consume(name, gradient.contiguous(), weights[name])

        return take

    named = tower.module.named_parameters()
    hooks = [parameter.register_post_accumulate_grad_hook(hook(name)) for name, parameter in named]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()
        tower.module.zero_grad(set_to_none=True)
