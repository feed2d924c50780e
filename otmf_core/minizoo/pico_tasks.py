"""Two small tasks made of nothing but scikit-learn's own images: a library to build where there is no network."""

from __future__ import annotations

import numpy as np

from otmf_core.minizoo.banks import Bank, Task
from otmf_core.minizoo.scans import optical_digits
from otmf_core.minizoo.templates import DIGITS, TEMPLATES

Captioned = tuple[str, np.ndarray, list[str]]

# class -> (photograph, left, top, right, bottom in pixels)
PARTS = {
    "sky": ("china.jpg", (340, 0, 640, 190)),
    "a pagoda": ("china.jpg", (105, 100, 325, 330)),
    "trees": ("china.jpg", (335, 345, 640, 427)),
    "petals": ("flower.jpg", (185, 95, 430, 345)),
}
SPANS = {"train": (0.0, 0.5), "test": (0.52, 0.82), "pretraining": (0.84, 1.0)}  # bands of a part's width


def pico() -> list[Task]:
    """Optical digits (10 classes, split by rows) and parts of two photographs (4 classes, split by region)."""
    digits, digits_unseen = (Bank(*_digits(first, last)) for first, last in ((0, 900), (1000, 1797)))
    parts, parts_unseen = (Bank(*_parts(part, count)) for part, count in (("train", 200), ("test", 150)))
    return [
        Task(
            "optical-digits",
            "Optical digits",
            "digit",
            DIGITS,
            TEMPLATES["digit"],
            digits,
            digits_unseen,
            "optical digits 0-899",
            "optical digits 1000-1796",
            "CC-BY-4.0",
        ),
        Task(
            "photo-parts",
            "Parts of photographs",
            "photo",
            tuple(PARTS),
            TEMPLATES["texture"],
            parts,
            parts_unseen,
            "left regions of china.jpg and flower.jpg",
            "right regions of china.jpg and flower.jpg",
            "CC-BY-2.0",
        ),
    ]


def pico_pretraining() -> list[Captioned]:
    """A hundred digits and a strip of each photograph's part, captioned in the tasks' words."""
    groups = (
        ("digit", "digit", DIGITS, _digits(900, 1000)),
        ("photo", "texture", tuple(PARTS), _parts("pretraining", 25)),
    )
    return [
        (kind, images, [TEMPLATES[words][0].format(names[label]) for label in labels])
        for kind, words, names, (images, labels, _) in groups
    ]


def _digits(first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images, labels = optical_digits()
    return images[first:last], labels[first:last], np.full(last - first, f"optical digits {first}-{last - 1}")


def _parts(span: str, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """count patches of 32×32 a class from that band of each part: images (n, 32, 32, 3), labels (n,), origins (n,)."""
    from sklearn.datasets import load_sample_image

    images, labels, origins = [], [], []
    for label, (photo, (left, top, right, bottom)) in enumerate(PARTS.values()):
        begin, end = (left + round((right - left) * edge) for edge in SPANS[span])
        region = load_sample_image(photo)[top:bottom, begin:end]
        draws = np.random.default_rng([label, list(SPANS).index(span)])
        for _ in range(count):
            y, x = (int(draws.integers(extent - 31)) for extent in region.shape[:2])
            images.append(region[y : y + 32, x : x + 32])
        labels += [label] * count
        origins += [f"{photo}, {span} region"] * count
    return np.stack(images), np.array(labels, np.int64), np.array(origins, dtype=str)
