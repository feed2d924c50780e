"""Classification heads, and the option that reads labels: tuning them on a labelled fraction, the encoder frozen."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.metrics import spearman
from otmf_core.models.verbalizers import Verbalizers

ITERATIONS = 100  # arXiv 2511.19561, section 4


class Head(NamedTuple):
    """The classifier of one task: weight (classes, d), and the scale s of its logits.

    Of a task of texts its rows are those of the pre-trained lm_head for the first tokens of the answers, not of unit
    norm, and `verbalizers` are these answers.
    """

    weight: Tensor
    scale: float
    verbalizers: Verbalizers | None = None

    def logits(self, features: Tensor) -> Tensor:
        """s · cos(φ(x), h) of features (n, d) under rows h of unit norm: (n, classes); of texts s · ⟨φ(x), h⟩."""
        directions = F.normalize(features, dim=-1) if self.verbalizers is None else features
        return self.scale * directions @ self.weight.T

    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """Top-1 accuracy, percent, of features (n, d) with labels (n,)."""
        return self.measured(self.logits(features).argmax(dim=-1), labels)

    def classes(self, answers: Tensor) -> Tensor:
        """Answers or labels (n,) as numbers of classes: of numbers on a scale those of the nearest answers."""
        if self.verbalizers is None or not self.verbalizers.numeric:
            return answers
        values = torch.tensor(self.verbalizers.values, dtype=torch.float64)
        return (answers.double()[:, None] - values).abs().argmin(dim=-1)

    def measured(self, answers: Tensor, labels: Tensor) -> float:
        """How well a model's answers (n,) agree with labels (n,): accuracy, or of numbers Spearman's ρ, percent."""
        if self.verbalizers is not None and self.verbalizers.numeric:
            return 100 * spearman(answers.tolist(), labels.tolist())
        return 100 * (answers.cpu() == labels).double().mean().item()


def labelled_subset(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Indices of a random `fraction` of a labelled pool, the same share of every class (at least one image)."""
    generator = torch.Generator().manual_seed(seed)
    subset = []
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        count = max(1, round(fraction * len(members)))
        subset.append(members[torch.randperm(len(members), generator=generator)[:count]])
    return torch.cat(subset).sort().values


def tune(features: Tensor, labels: Tensor, head: Head, rate: float) -> Head:
    """The head after 100 full-batch iterations of Adam at `rate` on fixed features (n, d).

    No entry moves by much more than 100 · rate. A class vector has length one, so the paper's 0.01 replaces a zero-shot
    head by what the labelled images alone say.
    """
    features = F.normalize(features, dim=-1)
    labels = labels.to(features.device)
    weight = head.weight.clone().requires_grad_()
    optimiser = torch.optim.Adam([weight], lr=rate)
    for _ in range(ITERATIONS):
        optimiser.zero_grad()
        F.cross_entropy(head.scale * features @ weight.T, labels).backward()
        optimiser.step()
    return Head(weight.detach(), head.scale)
