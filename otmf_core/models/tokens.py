"""Texts as a T5 reads them, ids and what of them is attended to, and their views: some tokens hidden, drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

HIDDEN = 0.3  # of a view's tokens, at most


@dataclass(frozen=True, eq=False)
class Tokens:
    """n texts of up to L tokens: ids, int32 (n, L), and the mask, bool (n, L), of those that are attended to.

    What lies behind the end of a shorter text is masked; every text has a token that is not.
    """

    ids: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: Any, /) -> Tokens:
        """Those of a slice, or of indices in an array or a tensor, no wider than the longest of them."""
        rows = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else rows
        ids, mask = self.ids[rows], self.mask[rows]
        width = int(mask.any(0).nonzero().max()) + 1 if len(ids) else 0
        return Tokens(ids[:, :width], mask[:, :width])


def padded(texts: Sequence[Sequence[int]], padding: int) -> Tokens:
    """Texts by their ids, at least one each, filled up behind their ends with the id of padding."""
    width = max((len(ids) for ids in texts), default=0)
    ids = torch.full((len(texts), width), padding, dtype=torch.int32)
    mask = torch.zeros((len(texts), width), dtype=torch.bool)
    for row, own in enumerate(texts):
        ids[row, : len(own)] = torch.tensor(own, dtype=torch.int32)
        mask[row, : len(own)] = True
    return Tokens(ids, mask)


def joined(parts: Sequence[Tokens], padding: int) -> Tokens:
    """Several texts as one, in order."""
    count, width = sum(len(part) for part in parts), max(part.ids.shape[1] for part in parts)
    ids = torch.full((count, width), padding, dtype=torch.int32)
    mask = torch.zeros((count, width), dtype=torch.bool)
    start = 0
    for part in parts:
        rows = slice(start, start + len(part))
        ids[rows, : part.ids.shape[1]], mask[rows, : part.ids.shape[1]] = part.ids, part.mask
        start += len(part)
    return Tokens(ids, mask)


def views(texts: Tokens, count: int, seed: Sequence[int]) -> Tokens:
    """Every text as it is and in `count` − 1 views, text by text: of each, up to HIDDEN of its tokens are not seen.

    Hidden tokens keep their places, and the last one, which ends the text, is never hidden. Each view is drawn by
    `seed` and its own number, so that those of the first texts are the same however many follow.
    """
    ids, mask = texts.ids.repeat_interleave(count, 0), texts.mask.repeat_interleave(count, 0)
    for place in range(len(ids)):
        if place % count == 0:
            continue
        random = np.random.default_rng([*seed, place])
        seen = mask[place].nonzero().squeeze(1)[:-1]
        hidden = random.random(len(seen)) < HIDDEN * random.random()
        mask[place, seen[torch.from_numpy(hidden)]] = False
    return Tokens(ids, mask)
