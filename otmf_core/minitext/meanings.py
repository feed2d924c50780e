"""Tasks over what definitions say: the topic, and whether something is of a kind, from WordNet."""

from __future__ import annotations

import random
from collections.abc import Mapping

from otmf_core.minitext.items import Row, TextTask, dealt
from otmf_core.minitext.sentences import plain
from otmf_core.minitext.wordnet import Synset

TOPICS = {"act": 4, "animal": 5, "tool": 6, "body": 8, "food": 13, "place": 15, "person": 18, "plant": 20}  # lexnames
KINDS = ("animal", "body part", "food", "person", "plant", "instrumentality", "substance", "region", "activity")
DEFINITION_WORDS, DEFINITION_LETTERS = range(3, 11), 52


def definition(synset: Synset) -> str | None:
    """The definition's first clause if it is three to ten plain words."""
    text = plain(synset.definition.split(";")[0])
    fits = text and len(text.split()) in DEFINITION_WORDS and len(text) <= DEFINITION_LETTERS
    return text if fits else None


def topic(synsets: Mapping[str, Synset], topics: Mapping[str, int] = TOPICS) -> TextTask:
    """Definitions by the part of the world that WordNet files them under."""
    labels = {field: label for label, field in enumerate(topics.values())}
    rows: list[tuple[str, Row]] = [
        (key, ((text,), labels[synset.field]))
        for key, synset in synsets.items()
        if synset.field in labels and (text := definition(synset))
    ]
    return TextTask(
        "topic",
        "Topic",
        "Given the definition '{definition}', what does it define?",
        ("definition",),
        tuple(topics),
        ("wordnet-base",),
        "definitions in WordNet and the lexicographer file they are in",
        dealt(rows, "topic"),
    )


def kind_of(synsets: Mapping[str, Synset]) -> TextTask:
    """A definition and a general kind, of which WordNet's hierarchy makes it one, or which is another thing's kind."""
    rows: list[tuple[str, Row]] = []
    for synset in synsets.values():
        text = definition(synset) if synset.part == "n" else None
        own = [kind for kind in KINDS if text and kind in _above(synset, synsets)]
        if text and own:
            draws = random.Random(f"kind-of/{synset.key}")
            yes = draws.random() < 0.5
            kind = draws.choice(own if yes else [kind for kind in KINDS if kind not in own])
            rows.append((synset.key, ((text, kind), 0 if yes else 1)))
    return TextTask(
        "kind-of",
        "Kind of",
        "Does '{definition}' entail that it is a kind of '{kind}'? Yes or no?",
        ("definition", "kind"),
        ("yes", "no"),
        ("wordnet-base",),
        "definitions of nouns in WordNet, with one of nine kinds above them or beside",
        dealt(rows, "kind-of"),
    )


def _above(synset: Synset, synsets: Mapping[str, Synset]) -> set[str]:
    """All words of all synsets that it is a kind of."""
    seen: set[str] = set()
    waiting = list(synset.kinds)
    while waiting:
        key = waiting.pop()
        if key not in seen and key in synsets:
            seen.add(key)
            waiting += synsets[key].kinds
    return {word for key in seen for word in synsets[key].words}
