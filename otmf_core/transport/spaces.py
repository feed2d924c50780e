"""The spaces that transport is measured in: raw or normalised features, cosine logits, class probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.models.heads import Head

COSINE_SCALE = 4.0  # cosine logits are 4·cos, so that blur keeps the scale of a unit cube


class ClassVectors:
    """The frozen heads of several tasks, padded alike: vectors (tasks, C, d), real (tasks, C), scales (tasks,)."""

    def __init__(self, heads: Sequence[Head]) -> None:
        widest = max(len(weight) for weight, _ in heads)
        self.vectors = torch.stack([F.pad(weight, (0, 0, 0, widest - len(weight))) for weight, _ in heads])
        self.real = torch.stack([torch.arange(widest, device=weight.device) < len(weight) for weight, _ in heads])
        self.scales = torch.tensor([scale for _, scale in heads], device=self.vectors.device)

    def outputs(self, features: Tensor, tasks: Tensor, space: str) -> Tensor:
        """The outputs of the heads of `tasks` (b,) for features (b, n, d): (b, n, d) or, in class spaces, (b, n, C).

        Padded classes are zero, so they add nothing to a distance.
        """
        if space == "raw":
            return features
        if space == "features":
            return F.normalize(features, dim=-1)
        if space == "logits":
            return COSINE_SCALE * self._cosines(features, tasks)
        return self.logits(features, tasks, absent=float("-inf")).softmax(dim=-1)

    def logits(self, features: Tensor, tasks: Tensor, absent: float, temperature: float = 1.0) -> Tensor:
        """s·cos(φ(x), h) over a temperature, (b, n, d) -> (b, n, C), and `absent` for padded classes."""
        logits = self.scales[tasks][:, None, None] * self._cosines(features, tasks) / temperature
        return logits.masked_fill(~self.real[tasks][:, None, :], absent)

    def _cosines(self, features: Tensor, tasks: Tensor) -> Tensor:
        return torch.einsum("bnd,bcd->bnc", F.normalize(features, dim=-1), self.vectors[tasks])
