"""The steps that pre-training and fine-tuning share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otmf_core.minitext.encode import IGNORED
from otmf_core.minizoo.pretrain import learning_rate

Batch = tuple[Tensor, Tensor]  # prompts (b, length), targets (b, pieces)


def loss(model: nn.Module, prompts: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the target's pieces, each given the ones before it."""
    before = F.pad(targets[:, :-1].clamp(min=0), (1, 0))
    logits = model(input_ids=prompts, attention_mask=prompts.ne(0).long(), decoder_input_ids=before).logits
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def train(model: nn.Module, batch: Callable[[], Batch], steps: Iterable[int], count: int, rate: float) -> None:
    """`count` steps of AdamW in place, with batches as they are drawn."""
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    for step in steps:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, count, rate)
        value = loss(model, *batch())
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    model.eval()
