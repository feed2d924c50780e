"""Banks of clean drawings and tasks made of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Bank:
    """Clean drawings before augmentation: images (n, 40, 40, 4) or (n, 32, 32, 3) uint8, labels and origins (n,)."""

    images: np.ndarray
    labels: np.ndarray
    origins: np.ndarray


@dataclass(frozen=True)
class Task:
    """Images of one task; kind says how augmentation may treat them: "glyph", "artwork", "photo" or "digit"."""

    id: str
    name: str
    kind: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    train: Bank
    test: Bank
    train_source: str
    test_source: str
    licence: str


def keep(cache: Path, name: str, draw) -> Bank:
    """The bank of that name in cache/banks; draw() -> (images, labels, origins) makes it the first time."""
    path = cache / "banks" / f"{name}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        images, labels, origins = draw()
        part = path.with_name(f"{name}.{os.getpid()}.part.npz")  # two builds may share a cache
        np.savez(part, images=images, labels=labels, origins=origins)
        part.replace(path)
    with np.load(path) as stored:
        return Bank(stored["images"], stored["labels"], stored["origins"])


def without_copies(train: Bank, test: Bank) -> Bank:
    """The training bank without drawings that some test drawing of the class repeats (a borrowed glyph)."""
    kept = np.ones(len(train.labels), bool)
    for label in np.unique(test.labels):
        mine = np.flatnonzero(train.labels == label)
        theirs = test.images[test.labels == label].reshape(-1, test.images[0].size).astype(np.int16)
        ours = train.images[mine].reshape(len(mine), -1)
        nearest = np.array([np.abs(theirs - image).mean(axis=1).min() for image in ours])
        kept[mine] = nearest > 0.5
    return Bank(train.images[kept], train.labels[kept], train.origins[kept])
