"""The tasks of the embedded text library, in canonical order, and what of their kind pre-training rehearses."""

from __future__ import annotations

from otmf_core.minitext import meanings, names, sentences
from otmf_core.minitext.items import TextTask
from otmf_core.minitext.sources import Data

TOPICS = {name: meanings.TOPICS[name] for name in ("animal", "tool", "food", "place", "person", "plant")}


def tasks(data: Data) -> list[TextTask]:
    """Every task that an expert is tuned on; names come several at once, so that a small model can tell."""
    synsets = data.synsets
    return [
        meanings.topic(synsets, TOPICS),
        names.word_class(synsets, together=3, rounds=3),
        names.country(_cities(data), together=2, rounds=3),
        names.language(_words(data), together=3, rounds=2),
        names.living(synsets, together=2, rounds=3),
        sentences.sentiment(synsets.values(), data.valences),
    ]


def rehearsed(data: Data) -> list[TextTask]:
    """What pre-training sees of the tasks' kind, by items that are kept for it: one name at a time, and more topics."""
    synsets = data.synsets
    return [
        names.acceptability(synsets),
        meanings.topic(synsets),
        names.word_class(synsets),
        names.country(_cities(data)),
        names.language(_words(data)),
        meanings.kind_of(synsets),
        sentences.sentiment(synsets.values(), data.valences),
        sentences.rating(synsets.values(), data.valences),
    ]


def _cities(data: Data) -> dict:
    return {name: data.cities[code] for name, code in names.COUNTRIES.items()}


def _words(data: Data) -> dict:
    return {name: data.words[name] for name in names.LANGUAGES}
