"""Where the text library stands between its pre-trained model and its experts, by the likelihood of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from otmf_core.metrics import spearman
from otmf_core.minitext.encode import Encoded, encode, trimmed
from otmf_core.minitext.items import Row, TextTask
from otmf_core.minitext.model import build_t5, first_logits
from otmf_core.minizoo.regime import LAMBDAS, Regime

BATCH = 256

Vector = Mapping[str, Tensor]


class Judge:
    """Scores in percent of any weights on rows of the tasks; prompts are encoded once."""

    def __init__(
        self,
        config: dict[str, Any],
        base: Vector,
        tokenizer: Any,
        rows: Sequence[tuple[TextTask, Sequence[Row]]],
        length: int,
    ) -> None:
        self.model = build_t5(config).eval()
        self.base = {name: value.float() for name, value in base.items()}
        self.sets = {task.id: (task, encode(tokenizer, task, own, length)) for task, own in rows}

    def score(self, id: str, delta: Vector | None = None) -> float:
        """Accuracy of the likeliest answers of θ⁰ + Δ, or Spearman's ρ where answers are numbers, in percent."""
        moved = {name: value + delta[name].float() for name, value in self.base.items()} if delta else self.base
        self.model.load_state_dict(moved, strict=False)
        task, encoded = self.sets[id]
        given = self._answers(encoded)
        if task.metric == "accuracy":
            return 100 * (given == encoded.labels).double().mean().item()
        return 100 * spearman(given.tolist(), encoded.labels.tolist())

    @torch.no_grad()
    def _answers(self, encoded: Encoded) -> Tensor:
        parts = encoded.prompts.split(BATCH)
        return torch.cat([first_logits(self.model, trimmed(part))[:, encoded.answers].argmax(dim=1) for part in parts])

    def mean(self, delta: Vector) -> float:
        return sum(self.score(id, delta) for id in self.sets) / len(self.sets)


def regime(judge: Judge, vectors: Mapping[str, Vector], split: str) -> Regime:
    """Zero-shot, individual, simple average θ⁰ + ΣΔ/T and task arithmetic θ⁰ + λΣΔ of all tasks together."""
    total = {name: sum((vector[name].float() for vector in vectors.values()), torch.zeros(())) for name in judge.base}

    def scaled(factor: float) -> Vector:
        return {name: factor * value for name, value in total.items()}

    return Regime(
        str(len(vectors)),
        split,
        {id: judge.score(id) for id in vectors},
        {id: judge.score(id, vector) for id, vector in vectors.items()},
        judge.mean(scaled(1 / len(vectors))),
        {factor: judge.mean(scaled(factor)) for factor in LAMBDAS},
    )


def verdict(result: Regime) -> list[str]:
    """What keeps the tasks from being a merging problem like GLUE's, rule by rule; empty when they are one."""
    rules = {
        "individual scores are at least 80%": result.individual_mean >= 80,
        "zero-shot is at least 15 points below individual": result.individual_mean - result.zero_shot_mean >= 15,
        "the simple average closes a fifth to four fifths of the gap": 0.2 <= result.gap(result.average) <= 0.8,
    }
    return [rule for rule, holds in rules.items() if not holds]
