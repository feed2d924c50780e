"""Captioned pre-training images: clean, of about 1,300 concepts, and of another domain than the tasks.

Nothing here is a test image of any task: letters come from families that neither train nor test, pictures from vendors
that do neither, digits and garments from other rows, textures from a third region of the photographs.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from otmf_core.minizoo import artwork, glyphs, photos, pictures, scans
from otmf_core.minizoo.alphabets import ALPHABETS, SYMBOLS
from otmf_core.minizoo.banks import keep
from otmf_core.minizoo.font_split import FOREIGN, PRETRAINING_FAMILIES, TEST_FAMILIES
from otmf_core.minizoo.shapes import SHAPES, draw_shapes
from otmf_core.minizoo.templates import DIGITS, GARMENTS, TEMPLATES, letter_templates

Captioned = tuple[str, np.ndarray, list[str]]  # kind, images (n, ...), one caption each


def pretraining(cache: Path) -> list[Captioned]:
    """(kind, images, captions) groups: letters of fifteen scripts, symbols, shapes, emoji, flags, digits, ..."""
    groups = [_letters(cache, script) for script in ALPHABETS]
    groups += [_symbols(cache), _shapes(cache), _emoji(cache), _flags(cache), _pictograms(cache)]
    return [*groups, _digits(cache), _garments(cache), _textures(cache)]


def _caption(templates, names, labels) -> list[str]:
    """A template drawn for each image, so that all of them are learnt with every class."""
    draws = np.random.default_rng(0).integers(len(templates), size=len(labels))
    return [templates[draw].format(names[label]) for draw, label in zip(draws, labels, strict=True)]


def _letters(cache: Path, script: str) -> Captioned:
    names, characters = list(ALPHABETS[script]), tuple(ALPHABETS[script].values())
    foreign = re.compile(FOREIGN.get(script, r"(?!)"))
    chosen = PRETRAINING_FAMILIES.__contains__ if script in TASK_SCRIPTS else _not_testing
    bank = keep(cache, f"{script}-pretraining", lambda: glyphs.draw(cache, characters, chosen, skip=foreign.fullmatch))
    return "glyph", bank.images, _caption(letter_templates(script), names, bank.labels)


TASK_SCRIPTS = (
    "devanagari",
    "hebrew",
    "greek",
    "thai",
    "cyrillic",
    "hangul",
    "arabic",
    "katakana",
    "latin",
    "malayalam",
)


def _not_testing(family: str) -> bool:
    return family not in TEST_FAMILIES


def _symbols(cache: Path) -> Captioned:
    def draw() -> tuple:
        drawn = [glyphs.draw(cache, (character,), _not_testing) for character in SYMBOLS.values()]
        few = [np.linspace(0, len(labels) - 1, min(12, len(labels))).astype(int) for _, labels, _ in drawn]
        images = np.concatenate([images[rows] for (images, _, _), rows in zip(drawn, few, strict=True)])
        labels = np.concatenate([np.full(len(rows), label) for label, rows in enumerate(few)])
        return images, labels, np.concatenate([origins[rows] for (_, _, origins), rows in zip(drawn, few, strict=True)])

    bank = keep(cache, "symbols-pretraining", draw)
    names = [name.replace("-", " ") for name in SYMBOLS]
    templates = ("a white {} sign.", "the symbol {}.", "a drawing of the sign {}.")
    return "glyph", bank.images, _caption(templates, names, bank.labels)


def _shapes(cache: Path) -> Captioned:
    bank = keep(cache, "shapes-pretraining", draw_shapes)
    templates = ("a white {}.", "a drawing of a {}.", "the shape of a {}.")
    return "glyph", bank.images, _caption(templates, list(SHAPES), bank.labels)


def _emoji(cache: Path) -> Captioned:
    found = artwork.icons(cache, pictures.EMOJI_PRETRAINING)
    names = sorted(
        name for name in found["icons"] if name in artwork.icons(cache, "emojione")["icons"] and _plain(name)
    )
    of_tasks: dict[str, str] = {
        spelling: name
        for classes in (pictures.ANIMALS, pictures.FOOD, pictures.TRAVEL)
        for name, spellings in classes.items()
        for spelling in spellings
    }
    words = [of_tasks[name] if name in of_tasks else name.replace("-", " ") for name in names]
    classes = {word: (name,) for word, name in zip(words, names, strict=True)}
    bank = keep(cache, "emoji-pretraining", lambda: artwork.draw(cache, classes, {pictures.EMOJI_PRETRAINING: ""}))
    return "artwork", bank.images, _caption(TEMPLATES["emoji"], list(classes), bank.labels)


def _plain(name: str) -> bool:
    """No skin tones, no families, no flags, no clock hands."""
    return not re.search(r"skin-tone|flag|-tone|oclock|o-clock|thirty|family|couple|kiss|button|squared", name)


def _flags(cache: Path) -> Captioned:
    classes = {**pictures.EUROPE, **pictures.AFRICA_ASIA, **pictures.ELSEWHERE}
    bank = keep(cache, "flags-pretraining", lambda: artwork.draw(cache, classes, {pictures.FLAG_PRETRAINING: ""}))
    return "artwork", bank.images, _caption(TEMPLATES["flag"], list(classes), bank.labels)


def _pictograms(cache: Path) -> Captioned:
    """Silhouettes of things, of another kind than interface icons: the game icons."""
    icons = artwork.icons(cache, "game-icons")["icons"]
    names = sorted(name for name in icons if "-" not in name)[::4]
    classes = {**pictures.PICTOGRAMS, **{name: (name,) for name in names}}
    bank = keep(cache, "pictograms-pretraining", lambda: artwork.draw(cache, classes, pictures.PICTOGRAM_PRETRAINING))
    return "glyph", bank.images, _caption(TEMPLATES["pictogram"], list(classes), bank.labels)


def _digits(cache: Path) -> Captioned:
    images, labels = scans.mnist(cache)
    rows = scans.per_class(labels, 340, 375)
    return "digit", images[rows], _caption(TEMPLATES["digit"], DIGITS, labels[rows])


def _garments(cache: Path) -> Captioned:
    images, labels = scans.fashion_mnist(cache, "train")
    rows = scans.per_class(labels, 0, 40)
    return "digit", images[rows], _caption(TEMPLATES["garment"], GARMENTS, labels[rows])


def _textures(cache: Path) -> Captioned:
    images, labels, _ = photos.patches(cache, "pretraining", 10)
    return "photo", images, _caption(TEMPLATES["texture"], list(photos.TEXTURES), labels)
