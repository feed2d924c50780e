"""What a merged model that grew takes beside its weights: parameters, and time for every image."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median

from otmf_core.methods.base import Method
from otmf_core.models.base import Tower
from otmf_core.models.inputs import ENCODE_BATCH, Inputs
from otmf_core.runs.state import Growth

TIMED = 5  # passes over the same images, after one that is not measured


def growth(
    method: Method, tasks: int, tower: Tower, merged: Tower, inputs: Inputs, variants: Mapping[str, Sequence[float]]
) -> Growth:
    """The growth of a merge of so many tasks: its tower without what it grew, and the merged model, on the same inputs.

    No more than a batch of them is encoded.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tower.weights().items()}
    plain = sum(tensor.numel() for tensor in tower.weights().values())
    sample = inputs[:ENCODE_BATCH]
    return Growth(
        parameters=(plain, plain + method.parameters_beside(shapes, tasks)),
        encode_ms=(_encoding(tower, sample), _encoding(merged, sample)),
        variants={name: tuple(row) for name, row in variants.items()},
    )


def _encoding(tower: Tower, inputs: Inputs) -> float:
    """Milliseconds that an image takes in one batch, the median over passes."""
    spans = []
    for _ in range(TIMED + 1):
        began = time.monotonic()
        tower.features(inputs, "a test image").sum().item()  # the sum waits for the device
        spans.append(time.monotonic() - began)
    return 1000 * median(spans[1:]) / len(inputs)
