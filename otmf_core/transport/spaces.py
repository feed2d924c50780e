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
        features = F.normalize(features, dim=-1)
        if space == "features":
            return features
        cosines = torch.einsum("bnd,bcd->bnc", features, self.vectors[tasks])
        if space == "logits":
            return COSINE_SCALE * cosines
        logits = self.scales[tasks][:, None, None] * cosines
        return logits.masked_fill(~self.real[tasks][:, None, :], float("-inf")).softmax(dim=-1)
