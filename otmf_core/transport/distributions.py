"""Class probabilities of the frozen heads, as logarithms, and two losses of them: entropy and KL divergence."""

from __future__ import annotations

from torch import Tensor

from otmf_core.transport.spaces import ClassVectors

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
