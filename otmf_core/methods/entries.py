"""What element-wise merges do to the entries of task vectors: trim them, drop them at random, elect their signs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from otmf_core.methods.context import Context
from otmf_core.models.task_vector import StateDict

DIGITS = 1 << 16  # values of half of a float32


def threshold(delta: StateDict, keep: float) -> float:
    """The magnitude from which on a trim keeps entries: the (⌊keep·d⌋ + 1)-th largest of all d, over all tensors.

    It is found exactly by counting, without a copy of the vector: magnitudes in float32 are in the order of their bits,
    so that the first pass finds its upper half and the second its lower one.
    """
    entries = sum(tensor.numel() for tensor in delta.values())
    rank = max(entries - int(keep * entries), 1)  # from the smallest on
    found = 0
    for half in ("upper", "lower"):
        counts = torch.zeros(DIGITS, dtype=torch.int64)
        for tensor in delta.values():
            bits = tensor.float().abs().flatten().view(torch.int32)
            upper = bits >> 16
            digits = upper if half == "upper" else bits[upper == found] & (DIGITS - 1)
            counts += torch.bincount(digits, minlength=DIGITS).cpu()
        reached = counts.cumsum(0)
        digit = int(torch.searchsorted(reached, rank))
        rank -= int(reached[digit] - counts[digit])
        found = found * DIGITS + digit
    return torch.tensor(found, dtype=torch.int32).view(torch.float32).item()


def ties(rows: Sequence[tuple[float, StateDict]], keep: float, *, mean: bool = False) -> StateDict:
    """TIES (arXiv 2306.01708, algorithm 1) of task vectors and their factors, in float32.

    Trims each vector to the share `keep` of its entries, elects a sign for each entry by their sum, and adds up the
    entries that have it, or takes their mean. An entry whose sum is 0 gets the sign that most others have.
    """
    least = [threshold(delta, keep) for _, delta in rows]
    names = rows[0][1].keys()

    def trimmed(name: str) -> Tensor:
        parts = ((factor, delta[name].float(), low) for (factor, delta), low in zip(rows, least, strict=True))
        return torch.stack([torch.where(part.abs() >= low, part * factor, 0.0) for factor, part, low in parts])

    majority = sum(trimmed(name).sum(0).sign().sum(dtype=torch.float64).item() for name in names)
    merged = {}
    for name in names:
        entries = trimmed(name)
        total = entries.sum(0)
        positive = (total > 0) | ((total == 0) & (majority > 0))
        elected = torch.where(positive, entries.clamp(min=0), entries.clamp(max=0))
        merged[name] = elected.sum(0) / elected.count_nonzero(0).clamp(min=1) if mean else elected.sum(0)
    return merged


def dropped(delta: StateDict, share: float, context: Context) -> StateDict:
    """DARE (arXiv 2311.03099): entries are 0 with probability `share`, the others divided by 1 − share; float32.

    Drawn from seed and step alone, whatever the device and the order of the tensors.
    """
    draws = np.random.default_rng([context.seed, context.step])
    thinned = {}
    for name in sorted(delta):
        tensor = delta[name].float()
        kept = torch.from_numpy(draws.random(tensor.numel(), dtype=np.float32) >= share).view(tensor.shape)
        thinned[name] = torch.where(kept.to(tensor.device), tensor / (1 - share), 0.0)
    return thinned
