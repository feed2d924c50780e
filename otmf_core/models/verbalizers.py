"""The answers of a task of texts: the words that stand for its classes, or numbers, and how a model gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from otmf_core.files import shown

Scoring = Literal["likelihood", "generation"]


@dataclass(frozen=True, eq=False)
class Verbalizers:
    """The texts of a task's answers, by label, and their tokens, each with the one that ends a text.

    `numeric` where answers are numbers on a scale, which a model's answer is held to by rank. `scoring` is by the
    likelihood of each answer, or by what the model generates, compared as text.
    """

    task: str
    texts: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]
    text_of: Callable[[Sequence[int]], str]  # of tokens
    numeric: bool = False
    scoring: Scoring = "likelihood"

    @property
    def first(self) -> tuple[int, ...]:
        """The tokens by which answers begin: of classes one each, of numbers those that differ."""
        first = tuple(tokens[0] for tokens in self.tokens)
        return tuple(dict.fromkeys(first)) if self.numeric else first

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers that numeric answers are."""
        return tuple(float(text) for text in self.texts)

    @property
    def alike(self) -> str:
        """Why the first token does not tell the answers apart, a sentence; empty where it does."""
        if len(set(self.first)) == len(self.first) > 1:
            return ""
        twice = [text for text, tokens in zip(self.texts, self.tokens, strict=True) if tokens[0] == self._shared]
        return (
            f"class probabilities of texts are those of their answers' first tokens, which must differ: "
            f"{', '.join(shown(text, 40) for text in twice[:2])} of {shown(self.task, 60)} begin alike; "
            "measure in features or choose a method that does not read answers"
        )

    @property
    def _shared(self) -> int:
        first = [tokens[0] for tokens in self.tokens]
        return max(first, key=first.count)
