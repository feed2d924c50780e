"""What pre-training sees beside the eight tasks' own kind: other tasks in the same phrasing."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace

from otmf_core.minitext import meanings, names
from otmf_core.minitext.items import Row, TextTask, dealt, role
from otmf_core.minitext.sentences import examples
from otmf_core.minitext.sources import Data
from otmf_core.minitext.wordnet import Synset

PARTS = {"n": "noun", "v": "verb", "a": "adjective", "r": "adverb"}
TOPICS = {
    "feeling": 12,
    "group": 14,
    "time": 28,
    "substance": 27,
    "amount": 23,
    "message": 10,
    "event": 11,
    "state": 26,
}
LANGUAGES = ("croatian", "lithuanian", "portuguese", "swedish")
COUNTRIES = {"france": "FR", "mexico": "MX", "romania": "RO", "russia": "RU", "spain": "ES", "iran": "IR"}


def further_tasks(data: Data) -> list[TextTask]:
    """Six tasks that no expert is tuned on: their rows of every role may be pre-trained on but the test ones."""
    return [
        replace(meanings.topic(data.synsets, TOPICS), id="further-topic"),
        replace(names.language({name: data.words[name] for name in LANGUAGES}), id="further-language"),
        replace(names.country({name: data.cities[code] for name, code in COUNTRIES.items()}), id="further-country"),
        part_of_speech(data.synsets),
        contains(data.synsets),
        order(data.synsets),
    ]


def part_of_speech(synsets: Mapping[str, Synset]) -> TextTask:
    labels = {letter: label for label, letter in enumerate(PARTS)}
    rows: list[tuple[str, Row]] = [
        (key, ((text,), labels[synset.part]))
        for key, synset in synsets.items()
        if (text := meanings.definition(synset))
    ]
    return _further(
        "part-of-speech",
        "Given the definition '{definition}', what kind of word does it define?",
        ("definition",),
        tuple(PARTS.values()),
        rows,
    )


def contains(synsets: Mapping[str, Synset]) -> TextTask:
    """Is that word in the sentence?"""
    pool = sorted(examples(synsets.values()))
    words = sorted({word for _, text in pool for word in text.split() if len(word) > 3})
    rows: list[tuple[str, Row]] = []
    for key, text in pool:
        draws = random.Random(f"contains/{text}")
        present = [word for word in text.split() if len(word) > 3]
        absent = draws.choice(words)
        if present and draws.random() < 0.5:
            rows.append((key, ((text, draws.choice(present)), 1)))
        elif absent not in present:
            rows.append((key, ((text, absent), 0)))
    return _further(
        "contains",
        "Does the text '{sentence}' contain the word '{word}'? Yes or no?",
        ("sentence", "word"),
        ("no", "yes"),
        rows,
    )


def order(synsets: Mapping[str, Synset]) -> TextTask:
    """Do two sentences consist of the same words?"""
    pool = sorted(examples(synsets.values()))
    rows: list[tuple[str, Row]] = []
    for (key, text), (_, other) in zip(pool, pool[1:] + pool[:1], strict=True):
        draws = random.Random(f"order/{text}")
        words = text.split()
        same = draws.random() < 0.5
        if not same:
            for place in draws.sample(range(len(words)), len(words) // 2):
                words[place] = draws.choice(other.split())
        draws.shuffle(words)
        rows.append((key, ((text, " ".join(words)), int(same))))
    return _further(
        "order",
        "Are the sentences '{sentence1}' and '{sentence2}' of the same words? Yes or no?",
        ("sentence1", "sentence2"),
        ("no", "yes"),
        rows,
    )


def _further(id: str, prompt: str, fields: tuple[str, ...], answers: tuple[str, ...], rows: list) -> TextTask:
    return TextTask(id, id, prompt, fields, answers, ("wordnet-base",), "", dealt(rows, id))


def sentences(data: Data) -> list[str]:
    """Definitions and examples whose words are blanked and asked for; none of a test synset."""
    found = [
        text
        for key, synset in data.synsets.items()
        if role(key) != "test"
        for text in (synset.definition.lower(), *(example.lower() for example in synset.examples))
        if 4 <= len(text.split()) <= 16 and re.fullmatch(r"[a-z' ,;.-]+", text)
    ]
    found.sort()
    random.Random("sentences").shuffle(found)
    return found
