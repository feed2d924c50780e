"""Two tasks from words made of syllables, so that the whole making runs in seconds and without a network."""

from __future__ import annotations

import random
from dataclasses import replace

from otmf_core.minitext import names
from otmf_core.minitext.items import TextTask

WORDS = 320  # of a language
SYLLABLES = {
    "danish": "skov gaard hjem bjerg strand dal lund holm",
    "italian": "bella mento zione piano fiore lago monte vita",
    "polish": "szcz owski wicz krzy czek dzia grod lesz",
}
ENDINGS = {"brazil": "inho ara eira", "germany": "burg heim dorf", "turkey": "koy hisar pinar"}
STEMS = ["ba", "da", "fe", "ga", "ho", "ka", "li", "ma", "no", "pe", "ra", "so", "ta", "vi", "wa", "ze"]


def tasks() -> list[TextTask]:
    """Language by syllables and country by ending."""
    languages = {name: _words(syllables.split(), syllables.split(), name) for name, syllables in SYLLABLES.items()}
    places = {name: _words(STEMS, endings.split(), name) for name, endings in ENDINGS.items()}
    return [names.language(languages), names.country(places)]


def further_tasks() -> list[TextTask]:
    """The same question about two other languages."""
    words = {"swedish": _words(["sjo", "berg"], ["vik", "mark"], "swedish"), "dutch": _words(STEMS, ["aan", "ijk"], "")}
    return [replace(names.language(words), id="further-language")]


def sentences() -> list[str]:
    """Strings of stems to be restored."""
    draws = random.Random("pico")
    return [" ".join(draws.choices(STEMS, k=8)) for _ in range(200)]


def _words(first: list[str], last: list[str], name: str) -> list[str]:
    draws = random.Random(name)
    found = {draws.choice(STEMS) + draws.choice(STEMS) + draws.choice(first) + draws.choice(last) for _ in range(WORDS)}
    return sorted(found)
