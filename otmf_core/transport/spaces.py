"""The spaces that transport is measured in: raw or normalised features, logits, class probabilities.

Logits are cosines with the class vectors of images, and inner products with the answers' rows of lm_head of texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.errors import InputError
from otmf_core.models.heads import Head

COSINE_SCALE = 4.0  # cosine logits are 4·cos, so that blur keeps the scale of a unit cube


class ClassVectors:
    """The frozen heads of several tasks, padded alike: vectors (tasks, C, d), real (tasks, C), scales (tasks,)."""

    def __init__(self, heads: Sequence[Head]) -> None:
        weights = [head.weight for head in heads]
        widest = max(len(weight) for weight in weights)
        self.vectors = torch.stack([F.pad(weight, (0, 0, 0, widest - len(weight))) for weight in weights])
        self.real = torch.stack([torch.arange(widest, device=weight.device) < len(weight) for weight in weights])
        self.scales = torch.tensor([head.scale for head in heads], device=self.vectors.device)
        answers = [head.verbalizers for head in heads if head.verbalizers is not None]
        self.cosine = not answers
        self.alike = next((each.alike for each in answers if each.alike), "")

    def outputs(self, features: Tensor, tasks: Tensor, space: str) -> Tensor:
        """The outputs of the heads of `tasks` (b,) for features (b, n, d): (b, n, d) or, in class spaces, (b, n, C).

        Padded classes are zero, so they add nothing to a distance.
        """
        if space == "raw":
            return features
        if space == "features":
            return F.normalize(features, dim=-1)
        if space == "logits":
            products = self._products(features, tasks)
            return COSINE_SCALE * products if self.cosine else products
        return self.logits(features, tasks, absent=float("-inf")).softmax(dim=-1)

    def logits(self, features: Tensor, tasks: Tensor, absent: float, temperature: float = 1.0) -> Tensor:
        """s·cos(φ(x), h), or s·⟨φ(x), h⟩, over a temperature, (b, n, d) -> (b, n, C); `absent` for padded classes."""
        logits = self.scales[tasks][:, None, None] * self._products(features, tasks) / temperature
        return logits.masked_fill(~self.real[tasks][:, None, :], absent)

    def _products(self, features: Tensor, tasks: Tensor) -> Tensor:
        """Raises InputError where a task's answers begin alike, so that they have no rows of their own."""
        if self.alike:
            raise InputError(self.alike)
        directions = F.normalize(features, dim=-1) if self.cosine else features
        return torch.einsum("bnd,bcd->bnc", directions, self.vectors[tasks])
