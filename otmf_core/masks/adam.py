"""Adam (arXiv 1412.6980) on named tensors, its moments in the open so that a fusion can be saved and gone on with."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from otmf_core.models.task_vector import StateDict, Tensors

BETAS = (0.9, 0.999)
EPS = 1e-8


class Adam:
    """Moments of every tensor of `like`, and the number of iterations so far."""

    def __init__(self, like: StateDict) -> None:
        self.moments = {name: (torch.zeros_like(t), torch.zeros_like(t)) for name, t in like.items()}
        self.count = 0

    def begin(self, rate: float, momentum: float = BETAS[0]) -> None:
        """Start an iteration, in which every tensor may be moved once; the momentum is β₁."""
        self.count += 1
        self._rate, self._momentum = rate, momentum

    @torch.no_grad()
    def move(self, name: str, value: Tensor, grad: Tensor) -> None:
        """One step of `value`, in place, against its gradient."""
        first, second = self.moments[name]
        first.lerp_(grad, 1 - self._momentum)
        second.mul_(BETAS[1]).addcmul_(grad, grad, value=1 - BETAS[1])
        denominator = second.sqrt().div_(math.sqrt(1 - BETAS[1] ** self.count)).add_(EPS)
        value.addcdiv_(first, denominator, value=-self._rate / (1 - self._momentum**self.count))

    def state(self) -> StateDict:
        """Moments and count, by names that begin with adam/."""
        tensors = {"adam/count": torch.tensor(self.count)}
        for name, (first, second) in self.moments.items():
            tensors |= {f"adam/first/{name}": first, f"adam/second/{name}": second}
        return tensors

    def load(self, state: StateDict) -> None:
        """Continue from `state()`, which may be part of a larger one and on another device."""
        self.count = int(state["adam/count"])
        for name, moments in self.moments.items():
            kept = to_device({part: state[f"adam/{part}/{name}"] for part in ("first", "second")}, {name: moments[0]})
            self.moments[name] = (kept["first"], kept["second"])


def to_device(state: StateDict, like: Tensors) -> StateDict:
    """A saved state on the device of `like`."""
    device = next(iter(like.values())).device
    return {key: tensor.to(device) for key, tensor in state.items()}
