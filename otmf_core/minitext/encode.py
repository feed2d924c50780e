"""Rows of a task as tensors: prompts in pieces, labels, and the pieces of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor

from otmf_core.minitext.items import Row, TextTask

END = 1
IGNORED = -100  # of cross_entropy


class Encoded(NamedTuple):
    """Prompts int16 (n, length) filled up with 0, labels (n,), and the first piece of every answer (classes,)."""

    prompts: Tensor
    labels: Tensor
    answers: Tensor

    def batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Prompts (b, longest) and targets (b, 2), the answer and the end, of those rows."""
        answer = self.answers[self.labels[chosen]]
        return trimmed(self.prompts[chosen]), torch.stack([answer, torch.full_like(answer, END)], dim=1)


def encode(tokenizer: Tokenizer, task: TextTask, rows: Sequence[Row], length: int) -> Encoded:
    """Those rows of the task, longer prompts cut to `length` pieces with the end kept."""
    pieces = [one.ids for one in tokenizer.encode_batch([task.text(row) for row in rows])]
    prompts = padded([ids if len(ids) <= length else [*ids[: length - 1], END] for ids in pieces], 0)
    answers = [tokenizer.encode(answer, add_special_tokens=False).ids for answer in task.answers]
    return Encoded(prompts.short(), torch.tensor([label for _, label in rows]), torch.tensor(answers)[:, 0])


def padded(rows: Sequence[Sequence[int]], filling: int) -> Tensor:
    """Ragged rows as int64 (n, longest)."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows])


def trimmed(prompts: Tensor) -> Tensor:
    """Prompts as int64, without columns that are empty in all of them."""
    return prompts[:, : int(prompts.ne(0).sum(dim=1).max())].long()
