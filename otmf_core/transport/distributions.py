"""Class probabilities of the frozen heads, as logarithms, and losses of them: entropy, KL divergence and transport."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from otmf_core.transport.clouds import Loss
from otmf_core.transport.spaces import ClassVectors

SETTLING = 10  # rounds of Sinkhorn's iterations at the last ε
PADDED = -1e4  # the logit of a class that is not there: its probability is 0, and so is its share of any gradient


def log_probabilities(heads: ClassVectors, features: Tensor, tasks: Tensor, temperature: float = 1.0) -> Tensor:
    """log softmax of the logits s·cos(φ(x), h) over a temperature, for the heads of tasks (b,): (b, n, d) -> (b, n, C).

    Not finite where a feature is not.
    """
    return heads.logits(features, tasks, PADDED, temperature).log_softmax(dim=-1)


def entropy(merged: Tensor) -> Tensor:
    """The mean of −Σ p·log p, in nats, of log-probabilities (…, C): a scalar."""
    return -(merged.exp() * merged).sum(dim=-1).mean()


def divergence(merged: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher ‖ merged), the mean of Σ q·(log q − log p), in nats, of log-probabilities (…, C): a scalar."""
    return (teacher.exp() * (teacher - merged)).sum(dim=-1).mean()


def divergences(merged: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher_j ‖ merged_i), in nats, of log-probabilities (b, n, C) and (b, m, C): (b, n, m)."""
    mass = teacher.exp()
    return (mass * teacher).sum(dim=-1)[:, None, :] - merged @ mass.transpose(1, 2)


def transport(blur: float) -> Loss:
    """Entropic transport between images' class distributions, at the cost KL(teacher_j ‖ merged_i) and ε = blur, nats.

    Of log-probabilities (b, n, C): the mean over b of Σ πᵢⱼ·KL, with the plan π held fixed, as the gradient of the
    entropic transport cost has it (arXiv 1803.00567, section 9.1). It is 0 only where some order of the images agrees.
    There is nothing to debias by: a divergence that is not symmetric has no transport of a cloud to itself beside it.
    """

    def cost(merged: Tensor, teacher: Tensor) -> Tensor:
        between = divergences(merged, teacher)
        return (entropic_plan(between.detach(), blur) * between).sum(dim=(1, 2)).mean()

    return cost


def entropic_plan(costs: Tensor, blur: float) -> Tensor:
    """π (b, n, m) of the entropic transport between points of equal mass at these costs: each sums to one.

    Sinkhorn's iterations in the log domain, ε falling by four from the largest cost to `blur`. Columns sum to 1/m, rows
    to 1/n as far as the iterations have come.
    """
    _, n, m = costs.shape
    epsilon = max(costs.max().item(), blur)
    column = costs.new_zeros(len(costs), 1, m)  # potentials over ε, and so is `row`
    for rounds in [*[1] * math.ceil(math.log(epsilon / blur, 4)), SETTLING]:
        lowered = max(epsilon / 4, blur)
        column, epsilon = column * (epsilon / lowered), lowered
        kernel = costs / -epsilon
        for _ in range(rounds):
            row = math.log(m) - torch.logsumexp(kernel + column, dim=2, keepdim=True)
            column = math.log(n) - torch.logsumexp(kernel + row, dim=1, keepdim=True)
    return torch.exp(row + column + kernel) / (n * m)
