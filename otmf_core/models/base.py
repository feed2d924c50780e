"""A network as the engine knows it: weights that a task vector is added to, and features of inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.models.inputs import ENCODE_BATCH, LARGE, MOST_ON_CPU, MOST_ON_GPU, Inputs, batches
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from otmf_core.models.heads import Head


@dataclass(frozen=True, eq=False)
class Tower(ABC):
    """A network in eval mode, θ⁰ as float32 tensors of the same keys, and the device that both are on.

    On the CPU θ⁰ may be `Stored`: what reads it at every iteration holds it.
    """

    module: nn.Module
    base: Mapping[str, Tensor]
    device: torch.device

    @abstractmethod
    def encode(self, inputs: Inputs) -> Tensor:
        """φ(x; θ) of one batch under the present weights: float32 (n, d), with gradient."""

    def encode_in_lanes(self, inputs: Inputs) -> Tensor:
        """As `encode`, on several threads at once where that is quicker; reaches no gradient but the weights'."""
        return self.encode(inputs)

    @property
    def most_at_once(self) -> int | None:
        """The inputs that a large one should learn from at once; None for any number."""
        if not self._large:
            return None
        return MOST_ON_CPU if self.device.type == "cpu" else MOST_ON_GPU

    @cached_property
    def _large(self) -> bool:
        return sum(tensor.numel() for tensor in self.weights().values()) >= LARGE

    @abstractmethod
    def views(self, inputs: Inputs, count: int, seed: Sequence[int]) -> Inputs:
        """Every input as it is and in `count` − 1 views drawn by `seed`, input by input; those of the first ones are
        the same however many follow."""

    @abstractmethod
    def join(self, parts: Sequence[Inputs]) -> Inputs:
        """Several inputs as one, in order."""

    def features(self, inputs: Inputs, of: str) -> Tensor:
        """φ(x; θ) of any number of inputs, of a task or such, under the present weights: float32 (n, d), no gradient.

        Raises InputError, naming the first layer, when they are not finite: they would all be counted as some class.
        """
        with torch.no_grad():
            features = torch.cat([self.encode_in_lanes(batch) for batch in batches(inputs, ENCODE_BATCH)])
            lengths = features.norm(dim=-1)  # of features that are finite these may still overflow
            if not lengths.isfinite().all():
                row = int((~lengths.isfinite()).nonzero()[0])
                layer = self._first_not_finite(next(batches(inputs[row : row + 1], 1)))
                raise InputError(f"features must be finite: those of {shown(of)} are not from {layer} on")
            return features

    def scores(self, inputs: Inputs, head: Head, of: str) -> Tensor:
        """What the model gives to each of a task's classes, whose softmax is their probabilities: (n, classes)."""
        return head.logits(self.features(inputs, of))

    def answers(self, inputs: Inputs, head: Head, of: str) -> Tensor:
        """The model's answers to the inputs of a task: numbers of classes, or, where those are numbers, values (n,)."""
        return self.scores(inputs, head, of).argmax(dim=-1)

    @property
    def attention_heads(self) -> int:
        """The heads of its attention, as torch's and timm's layers say; one where none does."""
        heads = (getattr(module, "num_heads", None) for module in self.module.modules())
        return next((count for count in heads if isinstance(count, int)), 1)

    def _first_not_finite(self, inputs: Inputs) -> str:
        """The first module whose output for these inputs is not finite, or whose weights are not."""
        found: list[str] = []

        def look(name: str) -> Callable[[nn.Module, Any, Any], None]:
            def hook(module: nn.Module, arguments: Any, output: Any) -> None:
                if not found and isinstance(output, Tensor) and not output.isfinite().all():
                    found.append(f"layer {name}")

            return hook

        leaves = [(name, module) for name, module in self.module.named_modules() if not any(module.children())]
        hooks = [module.register_forward_hook(look(name)) for name, module in leaves]
        try:
            self.encode(inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return found[0] if found else "the last layer"

    def weights(self) -> StateDict:
        """The network's own floating-point tensors, by name: what is written to them is in the model."""
        return {name: tensor for name, tensor in self.module.state_dict().items() if tensor.is_floating_point()}

    def settled(self) -> Tower:
        """The same tower without θ⁰, for good at its present weights: half the memory."""
        return replace(self, base={})

    @torch.no_grad()
    def load(self, delta: Mapping[str, Tensor] | None = None) -> None:
        """Set the weights to θ⁰ + Δ, or to θ⁰, in place: no copy of the model is made."""
        for name, tensor in self.weights().items():
            if delta is None:
                tensor.copy_(self.base[name])
            else:
                torch.add(self.base[name], delta[name], out=tensor)
