"""Text tasks and the rule by which an item belongs to training, test or pre-training."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["test", "pretraining", "train"]
Row = tuple[tuple[str, ...], int]  # the prompt's fields, and the label
SHARES: dict[Role, int] = {"test": 15, "pretraining": 25, "train": 60}  # percent


@dataclass(frozen=True)
class TextTask:
    """Rows of one task by role; `prompt` has a place for every field, `answers` one word for every label."""

    id: str
    name: str
    prompt: str
    fields: tuple[str, ...]
    answers: tuple[str, ...]
    sources: tuple[str, ...]
    origin: str
    rows: dict[Role, list[Row]] = field(repr=False)
    metric: Literal["accuracy", "spearman"] = "accuracy"

    def text(self, row: Row) -> str:
        """The prompt with that row's fields."""
        return self.prompt.format(**dict(zip(self.fields, row[0], strict=True)))


def role(root: str) -> Role:
    """Where everything of one root (a synset, a word family, a first word) belongs, the same in every task."""
    place = int.from_bytes(hashlib.sha256(root.encode()).digest()[:4], "big") % 100
    for name, share in SHARES.items():
        place -= share
        if place < 0:
            return name
    raise AssertionError("shares add up to 100")


def dealt(rows: Iterable[tuple[str, Row]], name: str, most: int = 12_000) -> dict[Role, list[Row]]:
    """Rows (root, row) by role: shuffled, no text twice, every label as often as the rarest, at most `most` a role."""
    piles: dict[Role, dict[int, dict[tuple[str, ...], None]]] = {one: {} for one in SHARES}
    taken: set[tuple[str, ...]] = set()
    shuffled = sorted(rows)
    random.Random(name).shuffle(shuffled)
    for root, (texts, label) in shuffled:
        if texts not in taken:
            taken.add(texts)
            piles[role(root)].setdefault(label, {})[texts] = None
    result: dict[Role, list[Row]] = {}
    for one, labels in piles.items():
        count = min([*map(len, labels.values()), most // max(len(labels), 1)], default=0)
        kept = [(texts, label) for label in sorted(labels) for texts in list(labels[label])[:count]]
        random.Random(f"{name}/{one}").shuffle(kept)
        result[one] = kept
    return result
