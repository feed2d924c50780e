"""One measurement of a loss in a process of its own: python -m otmf_core.analysis.studies.transport_point LOSS D N.

Prints the bytes resident before it, then, when forward and backward are done, their seconds and the peak above that.
"""

from __future__ import annotations

import json
import sys
import time

import psutil
import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.models.device import peak_memory, reset_peak_memory
from otmf_core.transport.clouds import Loss
from otmf_core.transport.losses import Cost, alignment

BATCH = 16  # points of a mini-batch, as OTMF draws them
MINI_BATCH = "mini-batch"
CPU = torch.device("cpu")
WARM = (BATCH, 8)  # n and d of what is run first, so that loading solvers is no cost of a point


def loss_named(name: str) -> Loss:
    """A loss of the engine with OTMF's defaults, or Sinkhorn on mini-batches, of which the mean is taken."""
    if name != MINI_BATCH:
        return alignment(name, Cost())
    sinkhorn = alignment("sinkhorn", Cost())
    return lambda merged, teacher: sinkhorn(*(each.reshape(-1, BATCH, each.shape[-1]) for each in (merged, teacher)))


def clouds(n: int, d: int) -> tuple[Tensor, Tensor]:
    """Two clouds (1, n, d) of n points drawn from the unit sphere, the first of which is differentiated."""
    random = torch.Generator().manual_seed(0)
    first, second = (F.normalize(torch.randn(1, n, d, generator=random), dim=-1) for _ in range(2))
    return first.requires_grad_(), second


def main(name: str, d: int, n: int) -> None:
    loss = loss_named(name)
    loss(*clouds(*WARM)).backward()
    first, second = clouds(n, d)
    reset_peak_memory(CPU)
    resident = psutil.Process().memory_info().rss
    print(resident, flush=True)
    began = time.perf_counter()
    loss(first, second).backward()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "memory_bytes": max(0, peak_memory(CPU) - resident)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
