"""Tasks over what words mean: topic of a definition, kind of a thing, family of a word, all from WordNet."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping

from otmf_core.minitext.items import Row, TextTask, dealt
from otmf_core.minitext.sentences import plain
from otmf_core.minitext.wordnet import Synset

TOPICS = {"act": 4, "animal": 5, "tool": 6, "body": 8, "food": 13, "place": 15, "person": 18, "plant": 20}  # lexnames
DEFINITION_WORDS, DEFINITION_LETTERS = range(3, 11), 60
SHARED = 4  # letters that two words of different families begin with, to be worth asking about


def definition(synset: Synset) -> str | None:
    """The definition's first clause if it is three to twelve plain words."""
    text = plain(synset.definition.split(";")[0])
    fits = text and len(text.split()) in DEFINITION_WORDS and len(text) <= DEFINITION_LETTERS
    return text if fits else None


def topic(synsets: Mapping[str, Synset], topics: Mapping[str, int] = TOPICS) -> TextTask:
    """Definitions of nouns, by the part of the world that WordNet files them under."""
    labels = {field: label for label, field in enumerate(topics.values())}
    rows: list[tuple[str, Row]] = [
        (key, ((text,), labels[synset.field]))
        for key, synset in synsets.items()
        if synset.field in labels and (text := definition(synset))
    ]
    return TextTask(
        "topic",
        "Topic",
        "Given the definition '{definition}', what kind of thing does it define?",
        ("definition",),
        tuple(topics),
        ("wordnet-base",),
        "definitions of nouns in WordNet and the lexicographer file they are in",
        dealt(rows, "topic"),
    )


def kind_of(synsets: Mapping[str, Synset]) -> TextTask:
    """A definition and a noun: the kind that it names, or a noun that it also has, or the kind of another thing."""
    nouns = {word for synset in synsets.values() if synset.part == "n" for word in synset.words}
    kinds: list[str] = []
    asked: list[tuple[Synset, str, list[str], list[str]]] = []
    for synset in synsets.values():
        text = definition(synset) if synset.part == "n" else None
        if not text:
            continue
        words = text.split()
        above = _above(synset, synsets)
        yes = [word for word in words if word in above]
        no = [word for word in words if word in nouns and word not in above and len(word) > 3]
        if yes:
            kinds.append(yes[0])
            asked.append((synset, text, yes, no))
    rows: list[tuple[str, Row]] = []
    for synset, text, yes, no in asked:
        draws = random.Random(f"kind-of/{synset.key}")
        if draws.random() < 0.5:
            rows.append((synset.key, ((text, yes[0]), 0)))
        elif no and draws.random() < 0.5:
            rows.append((synset.key, ((text, draws.choice(no)), 1)))
        elif (other := draws.choice(kinds)) not in _above(synset, synsets):
            rows.append((synset.key, ((text, other), 1)))
    return TextTask(
        "kind-of",
        "Kind of",
        "Does the text '{definition}' entail that it is a kind of '{kind}'? Yes or no?",
        ("definition", "kind"),
        ("yes", "no"),
        ("wordnet-base",),
        "definitions of nouns in WordNet with the kind they name, another noun of theirs, or the kind of another thing",
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


def word_family(synsets: Mapping[str, Synset]) -> TextTask:
    """Two words that WordNet derives from one another, against two of different families that begin alike."""
    pairs = sorted(
        {
            (min(word, other), max(word, other))
            for synset in synsets.values()
            for word, key, place in synset.family
            if key in synsets
            for other in (synsets[key].words[place],)
            if word != other and all(re.fullmatch(r"[a-z]{4,12}", one) for one in (word, other))
        }
    )
    family = _families(pairs)
    beginnings: dict[str, list[str]] = defaultdict(list)
    for word in sorted(family):
        beginnings[word[:SHARED]].append(word)
    rows: list[tuple[str, Row]] = []
    for first, second in pairs:
        draws = random.Random(f"word-family/{first}/{second}")
        first, second = draws.sample((first, second), 2)
        strangers = [word for word in beginnings[first[:SHARED]] if family[word] != family[first]]
        if first[:SHARED] != second[:SHARED]:
            continue
        rows.append((first[:SHARED], ((first, second), 1)))
        if strangers:
            rows.append((first[:SHARED], ((first, draws.choice(strangers)), 0)))
    return TextTask(
        "word-family",
        "Word family",
        "Are the words '{word1}' and '{word2}' of the same family? Yes or no?",
        ("word1", "word2"),
        ("no", "yes"),
        ("wordnet-base",),
        "words that WordNet derives from one another, and words of different families with the same first four letters",
        dealt(rows, "word-family"),
    )


def _families(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Word -> one word that stands for everything it is connected with."""
    parent: dict[str, str] = {}

    def top(word: str) -> str:
        while parent.setdefault(word, word) != word:
            word = parent[word]
        return word

    for first, second in pairs:
        parent[top(first)] = top(second)
    return {word: top(word) for word in list(parent)}
