"""What pre-training sees beside the tasks' own kind: other tasks in the same phrasing."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace

from otmf_core.minitext import meanings, names
from otmf_core.minitext.items import Row, TextTask, dealt, role
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
DOINGS = {"change": 30, "thought": 31, "speech": 32, "touch": 35, "making": 36, "motion": 38, "trade": 40}
LANGUAGES = ("croatian", "lithuanian", "portuguese", "swedish")
COUNTRIES = {"france": "FR", "mexico": "MX", "romania": "RO", "russia": "RU", "spain": "ES", "iran": "IR"}


def further_tasks(data: Data) -> list[TextTask]:
    """Six tasks that no expert is tuned on: their rows of every role may be pre-trained on but the test ones."""
    return [
        replace(meanings.topic(data.synsets, TOPICS), id="further-topic"),
        replace(names.language({name: data.words[name] for name in LANGUAGES}), id="further-language"),
        replace(names.country({name: data.cities[code] for name, code in COUNTRIES.items()}), id="further-country"),
        names.living(data.synsets),
        part_of_speech(data.synsets),
        replace(meanings.topic(data.synsets, DOINGS), id="further-doing"),
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
        "Given the definition '{definition}', which word class does it define?",
        ("definition",),
        tuple(PARTS.values()),
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
        if 4 <= len(text.split()) <= 10 and re.fullmatch(r"[a-z' ,;.-]+", text)
    ]
    found.sort()
    random.Random("sentences").shuffle(found)
    return found
