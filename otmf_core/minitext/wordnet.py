"""WordNet's database files as synsets: words, definition, example sentences, kinds and word families."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
KIND_OF = ("@", "@i")
DERIVED = ("+", "\\", "<")  # derivationally related, of or pertaining to, participle of


@dataclass(frozen=True)
class Synset:
    """One meaning: `kinds` are keys of what it is a kind of, `family` pairs of a word and a derived word's place."""

    key: str
    part: str
    field: int
    words: tuple[str, ...]
    kinds: tuple[str, ...]
    family: tuple[tuple[str, str, int], ...]
    definition: str
    examples: tuple[str, ...]


def read_wordnet(folder: Path) -> dict[str, Synset]:
    """Every synset of data.noun, data.verb, data.adj and data.adv in `folder`, by key (part letter and offset)."""
    return {
        synset.key: synset
        for part, letter in PARTS.items()
        for synset in _synsets((folder / f"data.{part}").read_text(encoding="utf-8"), letter)
    }


def _synsets(text: str, letter: str) -> Iterator[Synset]:
    for line in text.splitlines():
        if line.startswith("  "):  # the licence
            continue
        data, _, gloss = line.partition(" | ")
        terms = data.split()
        count = int(terms[3], 16)
        words = tuple(re.sub(r"\(\w+\)$", "", word).replace("_", " ") for word in terms[4 : 4 + 2 * count : 2])
        first = 4 + 2 * count
        pointers = [terms[i : i + 4] for i in range(first + 1, first + 1 + 4 * int(terms[first]), 4)]
        kinds = tuple(_key(part, offset) for symbol, offset, part, _ in pointers if symbol in KIND_OF)
        family = tuple(
            (words[int(places[:2], 16) - 1], _key(part, offset), int(places[2:], 16) - 1)
            for symbol, offset, part, places in pointers
            if symbol in DERIVED and places != "0000"
        )
        definition, examples = _gloss(gloss.strip())
        yield Synset(letter + terms[0], letter, int(terms[1]), words, kinds, family, definition, examples)


def _key(part: str, offset: str) -> str:
    return part.replace("s", "a") + offset


def _gloss(gloss: str) -> tuple[str, tuple[str, ...]]:
    """The definition without what stands in brackets, and the quoted examples."""
    examples = tuple(re.findall(r'"([^"]+)"', gloss))
    definition = re.split(r'; "|: "|^"', gloss)[0]
    return re.sub(r"\s+", " ", re.sub(r"\([^)]*\)", " ", definition)).strip(" ;,."), examples
