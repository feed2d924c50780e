"""Losses that hold every image's output to its own teacher's, (b, n, d) each; means over all images, scalars."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from otmf_core.transport.clouds import Loss


def paired(p: int) -> Loss:
    """The transport that moves every point to its own image's: mean of ‖x − y‖ (p = 1) or ½‖x − y‖² (p = 2)."""
    return lambda merged, teacher: ((merged - teacher).norm(dim=-1) ** p / p).mean()


def cosine(merged: Tensor, teacher: Tensor) -> Tensor:
    """1 − cos(x, y), blind to lengths; the flat term of PODNet's code, and ½‖x̂ − ŷ‖² of the normalised outputs."""
    return (1 - F.cosine_similarity(merged, teacher, dim=-1)).mean()


def podnet(merged: Tensor, teacher: Tensor) -> Tensor:
    """‖x̂ − ŷ‖ of the L2-normalised outputs, not squared: how PODNet (arXiv 2004.13513) compares pooled features.

    PODNet sums it over the pooled outputs of all stages; here it is taken of the network's output alone.
    """
    return (F.normalize(merged, dim=-1) - F.normalize(teacher, dim=-1)).norm(dim=-1).mean()
