"""The eight tasks of the embedded text library, in canonical order."""

from __future__ import annotations

from otmf_core.minitext import meanings, names, sentences
from otmf_core.minitext.items import TextTask
from otmf_core.minitext.sources import Data


def tasks(data: Data) -> list[TextTask]:
    """Every task, made of that data."""
    synsets = data.synsets
    return [
        names.acceptability(synsets),
        meanings.topic(synsets),
        names.word_class(synsets),
        names.country({name: data.cities[code] for name, code in names.COUNTRIES.items()}),
        names.language({name: data.words[name] for name in names.LANGUAGES}),
        meanings.kind_of(synsets),
        sentences.sentiment(synsets.values(), data.valences),
        sentences.rating(synsets.values(), data.valences),
    ]
