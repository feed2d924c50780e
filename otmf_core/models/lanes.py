"""A small network in lanes: two threads with half of the inputs each, since its layers are too small to be shared out.

On two cores that takes four fifths of the time that torch's own threads take within every layer. There are always two
halves, so that the bits do not depend on the number of threads that a lane has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Barrier
from typing import Any

import torch
from torch import Tensor, nn

LANES = 2
SMALL = 8_000_000  # parameters; the layers of larger networks keep all threads busy
FEWEST = 16  # inputs; fewer are not worth it

Encode = Callable[[Any], Tensor]


def fits(module: nn.Module) -> bool:
    """Whether the network is a small one on the CPU."""
    parameters = list(module.parameters())
    return sum(each.numel() for each in parameters) <= SMALL and all(each.device.type == "cpu" for each in parameters)


def in_lanes(encode: Encode, module: nn.Module, inputs: Any) -> Tensor:
    """`encode(inputs)`, (n, d), by halves; with gradient of the module's parameters where torch records one."""
    if len(inputs) < FEWEST:
        return encode(inputs)
    middle = (len(inputs) + 1) // 2
    halves = (inputs[:middle], inputs[middle:])
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if torch.is_grad_enabled() and parameters:
        return _Halves.apply(encode, halves, parameters, *parameters)
    return torch.cat(_together(torch.no_grad()(encode), [(half,) for half in halves]))


@contextmanager
def sharing(module: nn.Module) -> Iterator[None]:
    """In the block this thread has no more of torch's threads than a lane, where the network goes in lanes."""
    if not fits(module):
        yield
        return
    _threads()
    count = torch.get_num_threads()
    torch.set_num_threads(max(1, count // LANES))
    try:
        yield
    finally:
        torch.set_num_threads(count)


class _Halves(torch.autograd.Function):
    """Forward and backward of both halves, each by a thread; gradients are summed in one order, whoever is first."""

    @staticmethod
    def forward(ctx: Any, encode: Encode, halves: Sequence[Any], parameters: list[Tensor], *_: Tensor) -> Tensor:
        ctx.outputs = _together(torch.enable_grad()(encode), [(half,) for half in halves])
        ctx.parameters = parameters
        return torch.cat([output.detach() for output in ctx.outputs])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        parts = gradients[0].split([len(output) for output in ctx.outputs])
        found = _together(_gradients, [(o, ctx.parameters, p) for o, p in zip(ctx.outputs, parts, strict=True)])
        return (None, None, None, *(first + second for first, second in zip(*found, strict=True)))


def _gradients(output: Tensor, parameters: list[Tensor], gradient: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(output, parameters, gradient, materialize_grads=True)


def _together(do: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [future.result() for future in [_threads().submit(do, *arguments) for arguments in calls]]


@cache
def _threads() -> ThreadPoolExecutor:
    """A thread for every half; they share torch's threads."""
    count, started = torch.get_num_threads(), Barrier(LANES + 1)

    def start() -> None:
        torch.set_num_threads(max(1, count // LANES))
        started.wait()

    threads = ThreadPoolExecutor(LANES, thread_name_prefix="lane", initializer=start)
    for _ in range(LANES):
        threads.submit(int)
    started.wait()
    torch.set_num_threads(count)  # what torch gives to threads that start later
    return threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.cache_clear)  # a child that is forked has none of its parent's threads
