"""Tasks over the feeling of sentences: which way it leans, and how far, by the words of VADER's lexicon."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from otmf_core.minitext.items import Row, TextTask, dealt
from otmf_core.minitext.wordnet import Synset

SENTENCE_WORDS, SENTENCE_LETTERS = range(3, 11), 48
NEGATIONS = {"not", "no", "never", "without", "nor", "neither", "cannot", "hardly", "lack", "lacking", "nothing"}
CLEAR = 1.2  # of VADER's valences from −4 to 4
STEPS = (-2.5, -0.1, 0.1, 2.2)  # between the five ratings


def plain(sentence: str) -> str | None:
    """The sentence in lower case if it is made of words, commas and apostrophes; None for any other."""
    text = sentence.strip(" .!?;,").lower()
    return text if re.fullmatch(r"[a-z][a-z' ,-]*", text) else None


def felt(synsets: Iterable[Synset], valences: Mapping[str, float]) -> Iterator[tuple[str, str, float]]:
    """(synset key, sentence, sum of valences) of short examples and definitions whose valences have one sign, or none.

    Sentences with a negation are left out.
    """
    for synset in synsets:
        for text in filter(None, map(plain, (synset.definition, *synset.examples))):
            words = re.findall(r"[a-z]+", text)
            scores = [valences[word] for word in words if word in valences]
            one_way = not scores or min(scores) > 0 or max(scores) < 0
            short = len(words) in SENTENCE_WORDS and len(text) <= SENTENCE_LETTERS
            if one_way and short and not NEGATIONS & set(words):
                yield synset.key, text, sum(scores)


def sentiment(synsets: Iterable[Synset], valences: Mapping[str, float]) -> TextTask:
    """Sentences that clearly lean one way."""
    rows: list[tuple[str, Row]] = [
        (key, ((text,), int(score > 0))) for key, text, score in felt(synsets, valences) if abs(score) >= CLEAR
    ]
    return TextTask(
        "sentiment",
        "Sentiment",
        "Given the sentence '{sentence}', determine the sentiment. Is it positive or negative?",
        ("sentence",),
        ("negative", "positive"),
        ("wordnet-base", "vaderSentiment"),
        "sentences of WordNet whose words lean one way in VADER's lexicon",
        dealt(rows, "sentiment"),
    )


def rating(synsets: Iterable[Synset], valences: Mapping[str, float]) -> TextTask:
    """How negative or positive a sentence is, as a number from 1 to 5; 3 has no word of the lexicon."""
    rows: list[tuple[str, Row]] = [
        (key, ((text,), sum(score > step for step in STEPS))) for key, text, score in felt(synsets, valences)
    ]
    return TextTask(
        "rating",
        "Rating",
        "On a scale from 1 to 5, rate how good this sounds: '{sentence}'.",
        ("sentence",),
        ("1", "2", "3", "4", "5"),
        ("wordnet-base", "vaderSentiment"),
        "sentences of WordNet, rated by the sum of their words in VADER's lexicon",
        dealt(rows, "rating"),
        metric="spearman",
    )
