"""The twenty tasks of the embedded library, in canonical order."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from otmf_core.minizoo import artwork, glyphs, photos, pictures, scans
from otmf_core.minizoo.alphabets import ALPHABETS
from otmf_core.minizoo.banks import Bank, Task, keep, without_copies
from otmf_core.minizoo.font_split import FOREIGN, PRETRAINING_FAMILIES, TEST_FAMILIES
from otmf_core.minizoo.pretraining import pretraining
from otmf_core.minizoo.templates import DIGITS, GARMENTS, TEMPLATES, letter_templates

__all__ = ["SUITES", "Bank", "Task", "further_texts", "pretraining", "tasks"]

SUITES = {"8": 8, "14": 14, "20": 20}  # how many tasks of the order each suite takes


def tasks(cache: Path) -> list[Task]:
    """The twenty tasks; their banks are drawn once and kept in cache/banks."""
    return [make(cache) for make in ORDER]


def _letters(script: str):
    def make(cache: Path) -> Task:
        names, characters = tuple(ALPHABETS[script]), tuple(ALPHABETS[script].values())

        def draw(chosen):
            foreign = re.compile(FOREIGN.get(script, r"(?!)"))
            return glyphs.draw(cache, characters, chosen, skip=foreign.fullmatch)

        train = keep(cache, f"{script}-train", lambda: draw(is_training))
        test = keep(cache, f"{script}-test", lambda: draw(TEST_FAMILIES.__contains__))
        return _task(
            script,
            f"{script.capitalize()} letters",
            "glyph",
            names,
            letter_templates(script),
            train,
            test,
            "font families",
            "free font licences (OFL, GPL with font exception, Apache-2.0 and kin)",
        )

    return make


def is_training(family: str) -> bool:
    return family not in TEST_FAMILIES and family not in PRETRAINING_FAMILIES


def _pictures(
    id: str,
    name: str,
    classes: dict,
    vendors: tuple[dict, dict],
    template: str,
    licence: str,
    kind: str = "artwork",
    most: int | None = None,
):
    def make(cache: Path) -> Task:
        train, test = (
            keep(cache, f"{id}-{part}", lambda chosen=chosen: artwork.draw(cache, classes, chosen))
            for part, chosen in zip(("train", "test"), vendors, strict=True)
        )
        task = _task(id, name, kind, tuple(classes), TEMPLATES[template], train, test, "artwork of", licence)
        return most_drawn(task, most or len(classes))

    return make


def most_drawn(task: Task, count: int) -> Task:
    """The task with only the `count` classes of most training drawings, in their order; earlier ones at a tie."""
    drawings = np.bincount(task.train.labels, minlength=len(task.classes))
    chosen = np.sort(np.argsort(-drawings, kind="stable")[:count])

    def narrowed(bank: Bank) -> Bank:
        rows = np.isin(bank.labels, chosen)
        return Bank(bank.images[rows], np.searchsorted(chosen, bank.labels[rows]), bank.origins[rows])

    classes = tuple(task.classes[label] for label in chosen)
    return replace(task, classes=classes, train=narrowed(task.train), test=narrowed(task.test))


def further_texts() -> list[str]:
    """Sentences about the picture classes that tasks leave out, for a vocabulary that knows them all the same."""
    named = (
        ("emoji", pictures.ANIMALS),
        ("emoji", pictures.FOOD),
        ("emoji", pictures.TRAVEL),
        ("pictogram", pictures.PICTOGRAMS),
    )
    return [template.format(name) for words, classes in named for template in TEMPLATES[words] for name in classes]


def _mnist(cache: Path) -> Task:
    def draw(first: int, last: int) -> tuple:
        return _some(*scans.mnist(cache), first, last, f"MNIST rows {first}-{last - 1} of each digit")

    train = keep(cache, "mnist-train", lambda: draw(0, 340))
    test = keep(cache, "mnist-test", lambda: draw(380, 500))
    return _task("mnist", "MNIST", "digit", DIGITS, TEMPLATES["digit"], train, test, "", "CC-BY-SA-3.0")


def _fashion(cache: Path) -> Task:
    def draw(part: str, first: int, last: int) -> tuple:
        return _some(*scans.fashion_mnist(cache, part), first, last, f"Fashion-MNIST {part}")

    train = keep(cache, "fashion-mnist-train", lambda: draw("train", 100, 700))
    test = keep(cache, "fashion-mnist-test", lambda: draw("t10k", 0, 150))
    return _task("fashion-mnist", "Fashion-MNIST", "digit", GARMENTS, TEMPLATES["garment"], train, test, "", "MIT")


def _optical_digits(cache: Path) -> Task:
    def draw(first: int, last: int) -> tuple:
        images, labels = scans.optical_digits()
        return images[first:last], labels[first:last], np.full(last - first, f"optical digits {first}-{last - 1}")

    train = keep(cache, "optical-digits-train", lambda: draw(0, 1100))  # rows come writer by writer
    test = keep(cache, "optical-digits-test", lambda: draw(1200, 1797))
    return _task("optical-digits", "Optical digits", "digit", DIGITS, TEMPLATES["digit"], train, test, "", "CC-BY-4.0")


def _some(images: np.ndarray, labels: np.ndarray, first: int, last: int, origin: str) -> tuple:
    rows = scans.per_class(labels, first, last)
    return images[rows], labels[rows], np.full(len(rows), origin)


def _textures(cache: Path) -> Task:
    train, test = (
        keep(cache, f"textures-{part}", lambda part=part, count=count: photos.patches(cache, part, count))
        for part, count in (("train", 150), ("test", 50))
    )
    return _task(
        "textures",
        "Textures",
        "photo",
        tuple(photos.TEXTURES),
        TEMPLATES["texture"],
        train,
        test,
        "",
        "CC0 and public domain photographs; china and flower CC-BY-2.0",
    )


EMOJI = "Apache-2.0, MIT, CC-BY-4.0, CC-BY-SA-4.0"
ORDER = (
    _mnist,
    _letters("devanagari"),
    _pictures(
        "animals", "Animals", pictures.ANIMALS, (pictures.EMOJI_TRAIN, pictures.EMOJI_TEST), "emoji", EMOJI, most=12
    ),
    _fashion,
    _letters("hebrew"),
    _pictures(
        "flags-europe", "Flags of Europe", pictures.EUROPE, (pictures.FLAG_TRAIN, pictures.FLAG_TEST), "flag", EMOJI
    ),
    _textures,
    _letters("thai"),
    _letters("greek"),
    _pictures("food", "Food", pictures.FOOD, (pictures.EMOJI_TRAIN, pictures.EMOJI_TEST), "emoji", EMOJI, most=12),
    _letters("cyrillic"),
    _pictures(
        "pictograms",
        "Pictograms",
        pictures.PICTOGRAMS,
        (pictures.PICTOGRAM_TRAIN, pictures.PICTOGRAM_TEST),
        "pictogram",
        "MIT, ISC, Apache-2.0, CC-BY-4.0",
        kind="glyph",
        most=16,
    ),
    _letters("hangul"),
    _optical_digits,
    _letters("arabic"),
    _pictures(
        "travel", "Travel", pictures.TRAVEL, (pictures.EMOJI_TRAIN, pictures.EMOJI_TEST), "emoji", EMOJI, most=12
    ),
    _letters("katakana"),
    _pictures(
        "flags-africa-asia",
        "Flags of Africa and Asia",
        pictures.AFRICA_ASIA,
        (pictures.FLAG_TRAIN, pictures.FLAG_TEST),
        "flag",
        EMOJI,
    ),
    _letters("malayalam"),
    _letters("latin"),
)


def _task(id, name, kind, classes, templates, train, test, what, licence) -> Task:
    trained, tested = (f"{what} {_listed(np.unique(bank.origins))}".strip() for bank in (train, test))
    drawn = without_copies(train, test) if kind in ("glyph", "artwork") else train
    return Task(id, name, kind, classes, templates, drawn, test, trained, tested, licence)


def _listed(origins: np.ndarray) -> str:
    """All of a few origins; of many, six spread over the alphabet and how many there are."""
    if len(origins) <= 8:
        return ", ".join(origins)
    shown = origins[np.linspace(0, len(origins) - 1, 6).astype(int)]
    return f"{', '.join(shown)} and {len(origins) - 6} more"
