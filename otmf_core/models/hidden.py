"""What the layers of a network put out for its inputs; layers are those of `tensor_names`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from otmf_core.models.base import Tower
from otmf_core.models.inputs import ENCODE_BATCH, Inputs, batches
from otmf_core.models.tensor_names import layers, locate


@torch.no_grad()
def layer_outputs(tower: Tower, inputs: Inputs) -> dict[str, Tensor]:
    """The output of every layer under the present weights, its mean over tokens or pixels: float32 (n, d), no gradient.

    It is that of the last module to end in a forward pass that has tensors of this layer and of no other. A layer
    without one, such as a bare position embedding, has the output of the next layer that has, at the end φ(x; θ).
    """
    places = locate(tower.base)
    order = layers(places.values())
    parts: dict[str, list[Tensor]] = {layer: [] for layer in order}
    for batch in batches(inputs, ENCODE_BATCH):
        found: dict[str, Tensor] = {}
        with _outputs(tower.module, {name: place.layer for name, place in places.items()}, found):
            latest = tower.encode(batch)
        for layer in reversed(order):
            latest = found.get(layer, latest)
            parts[layer].append(latest)
    return {layer: torch.cat(outputs) for layer, outputs in parts.items()}


@contextmanager
def _outputs(module: nn.Module, layer_of: dict[str, str], found: dict[str, Tensor]) -> Iterator[None]:
    """In the block modules put the outputs of their layers into `found`, of a layer the last one's."""

    def keep(layer: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.dim() > 1:
                found[layer] = _pooled(output.float())

        return hook

    hooks = []
    for name, part in module.named_modules():
        own = {layer for tensor, layer in layer_of.items() if tensor.startswith(f"{name}.")}
        if len(own) == 1:
            hooks.append(part.register_forward_hook(keep(own.pop())))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _pooled(output: Tensor) -> Tensor:
    """(n, d) of tokens (n, …, d), or of pixels (n, d, height, width) as convolutions put them out."""
    if output.dim() == 4:
        return output.mean(dim=(2, 3))
    return output.flatten(1, -2).mean(dim=1) if output.dim() > 2 else output
