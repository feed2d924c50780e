"""Tasks over whole sentences: acceptability, sentiment and similarity, of WordNet's examples and definitions."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping

from otmf_core.minitext.items import Row, TextTask, dealt
from otmf_core.minitext.wordnet import Synset

SENTENCE_WORDS = range(4, 11)
PAIR_WORDS, PAIR_LETTERS = range(4, 8), 32  # so that two sentences and a question are a prompt
NEGATIONS = {
    "not",
    "no",
    "never",
    "without",
    "nor",
    "neither",
    "cannot",
    "hardly",
    "lack",
    "lacking",
    "less",
    "nothing",
}
CLEAR = 1.2  # of VADER's valences from −4 to 4


def plain(sentence: str) -> str | None:
    """The sentence in lower case if it is made of words, commas and apostrophes; None for any other."""
    text = sentence.strip(" .!?;,").lower()
    return text if re.fullmatch(r"[a-z][a-z' ,-]*", text) else None


def examples(synsets: Iterable[Synset]) -> list[tuple[str, str]]:
    """(synset key, example sentence) of every plain example of four to ten words."""
    found = ((synset.key, plain(example)) for synset in synsets for example in synset.examples)
    return [(key, text) for key, text in found if text and len(text.split()) in SENTENCE_WORDS]


def acceptability(synsets: Iterable[Synset]) -> TextTask:
    """Example sentences against the same kind of sentence with a stretch of its words in another order."""
    rows: list[tuple[str, Row]] = []
    for key, text in examples(synsets):
        draws = random.Random(f"acceptability/{text}")
        if draws.random() < 0.5:
            rows.append((key, ((text,), 1)))
        elif (broken := _disordered(text.split(), draws)) is not None:
            rows.append((key, ((broken,), 0)))
    return TextTask(
        "acceptability",
        "Acceptability",
        "Given the sentence '{sentence}', is it acceptable or unacceptable?",
        ("sentence",),
        ("unacceptable", "acceptable"),
        ("wordnet-base",),
        "example sentences of WordNet, half of them with four or more neighbouring words in another order",
        dealt(rows, "acceptability"),
    )


def _disordered(words: list[str], draws: random.Random) -> str | None:
    width = min(len(words), 5)
    first = draws.randrange(len(words) - width + 1)
    stretch = words[first : first + width]
    for _ in range(20):
        mixed = draws.sample(stretch, width)
        if sum(a != b for a, b in zip(mixed, stretch, strict=True)) >= 4:
            return " ".join(words[:first] + mixed + words[first + width :])
    return None


def sentiment(synsets: Iterable[Synset], valences: Mapping[str, float]) -> TextTask:
    """Examples and definitions all of whose words in VADER's lexicon lean one way, without negations."""
    rows: list[tuple[str, Row]] = []
    for synset in synsets:
        for text in filter(None, map(plain, (synset.definition, *synset.examples))):
            words = re.findall(r"[a-z]+", text)
            scores = [valences[word] for word in words if word in valences]
            clear = bool(scores) and (min(scores) > 0 or max(scores) < 0) and abs(sum(scores)) >= CLEAR
            if clear and len(words) in SENTENCE_WORDS and not NEGATIONS & set(words):
                rows.append((synset.key, ((text,), int(scores[0] > 0))))
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


def similarity(synsets: Iterable[Synset]) -> TextTask:
    """A sentence, and it again with none, a quarter, half, three quarters or all words replaced: 5, 4, 3, 2, 1."""
    pool = [
        (key, text) for key, text in examples(synsets) if len(text.split()) in PAIR_WORDS and len(text) <= PAIR_LETTERS
    ]
    rows: list[tuple[str, Row]] = []
    for (key, text), (_, other) in zip(pool, _shifted(pool), strict=True):
        draws = random.Random(f"similarity/{text}")
        words, others, grade = text.split(), other.split(), draws.randrange(5)
        for place in draws.sample(range(len(words)), round(len(words) * (4 - grade) / 4)):
            words[place] = others[place % len(others)]
        rows.append((key, ((text, " ".join(words)), grade)))
    return TextTask(
        "similarity",
        "Similarity",
        "Rate the similarity of '{sentence1}' and '{sentence2}' from 1 to 5.",
        ("sentence1", "sentence2"),
        ("1", "2", "3", "4", "5"),
        ("wordnet-base",),
        "example sentences of WordNet, a share of whose words is replaced by those of another sentence",
        dealt(rows, "similarity"),
        metric="spearman",
    )


def _shifted(pool: list[tuple[str, str]]) -> list[tuple[str, str]]:
    others = sorted(pool)
    random.Random("similarity").shuffle(others)
    return others
