"""Head tuning, the option that reads labels: cross-entropy on a labelled fraction with the merged encoder frozen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 100  # arXiv 2511.19561, section 4


def labelled_subset(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Indices of a random `fraction` of a labelled pool, the same share of every class (at least one image)."""
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        count = max(1, round(fraction * len(members)))
        chosen.append(members[torch.randperm(len(members), generator=generator)[:count]])
    return torch.cat(chosen).sort().values


def tune(features: Tensor, labels: Tensor, head: tuple[Tensor, float], rate: float) -> Tensor:
    """The head's weight (classes, d) after 100 full-batch steps of Adam at `rate` on fixed features (n, d).

    No entry moves by much more than 100 · rate. A class vector has length one, so the paper's 0.01 replaces a zero-shot
    head by what the labelled images alone say.
    """
    weight, scale = head
    features = F.normalize(features, dim=-1)
    labels = labels.to(features.device)
    weight = weight.clone().requires_grad_()
    optimiser = torch.optim.Adam([weight], lr=rate)
    for _ in range(STEPS):
        optimiser.zero_grad()
        F.cross_entropy(scale * features @ weight.T, labels).backward()
        optimiser.step()
    return weight.detach()
