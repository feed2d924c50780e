"""What a tower reads of examples: how many there are, some of them, and batches one after another. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

ENCODE_BATCH = 128  # inputs that a tower encodes at once, without gradients
LARGE = 20_000_000  # parameters of a large network
MOST_ON_CPU, MOST_ON_GPU = 16, 64  # inputs that it learns from at once: more take memory alone


class Inputs(Protocol):
    """The inputs of n examples, without their labels: of that length, and indexed by rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


@runtime_checkable
class Streamed(Inputs, Protocol):
    """Inputs that are made ready as they are asked for, some batches ahead."""

    def batches(self, size: int) -> Iterator[Inputs]:
        """All of them in order, `size` at a time, ready for a tower."""
        ...


def batches(inputs: Inputs, size: int) -> Iterator[Inputs]:
    """Inputs in order, `size` at a time, ready for a tower."""
    if isinstance(inputs, Streamed):
        return inputs.batches(size)
    return (inputs[start : start + size] for start in range(0, len(inputs), size))
