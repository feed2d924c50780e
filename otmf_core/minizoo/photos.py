"""Textures cut from photographs: training, test and pre-training patches come from separate regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# class -> (file of scikit-image, or of scikit-learn with a star; left, top, right, bottom of the texture, in fractions)
TEXTURES = {
    "bricks": ("brick.png", (0, 0, 1, 1)),
    "grass": ("grass.png", (0, 0, 1, 1)),
    "gravel": ("gravel.png", (0, 0, 1, 1)),
    "the moon": ("moon.png", (0, 0, 1, 1)),
    "galaxies": ("hubble_deep_field.jpg", (0, 0, 1, 1)),
    "stained tissue": ("ihc.png", (0, 0, 1, 1)),
    "a retina": ("retina.jpg", (0.2, 0.2, 0.8, 0.8)),
    "a cat's fur": ("chelsea.png", (0.1, 0.05, 0.9, 0.95)),
    "printed text": ("page.png", (0, 0.1, 1, 0.9)),
    "coins": ("coins.png", (0, 0, 1, 1)),
    "a wooden table": ("coffee.png", (0, 0.0, 1, 0.25)),
    "a pagoda": ("*china.jpg", (0.15, 0.16, 0.53, 0.85)),
    "petals": ("*flower.jpg", (0.29, 0.24, 0.67, 0.8)),
}
FLAT = 5  # grey levels: a patch of less deviation shows nothing and is drawn again
PARTS = {"train": (0.0, 0.56), "test": (0.6, 0.86), "pretraining": (0.88, 1.0)}  # bands of the texture's width


def patches(cache: Path, part: str, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """count grey patches a class from that part's band: images (n, 32, 32, 3), labels (n,), origins (n,)."""
    images, labels, origins = [], [], []
    for label, (name, region) in enumerate(TEXTURES.values()):
        texture = _grey(cache, name)
        band = _band(texture, region, PARTS[part])
        draws = np.random.default_rng([label, list(PARTS).index(part)])
        images += [_patch(band, draws) for _ in range(count)]
        labels += [label] * count
        origins += [f"{name.lstrip('*')}, {part} region"] * count
    stacked = np.repeat(np.stack(images)[..., None], 3, axis=-1)
    return stacked, np.array(labels, np.int64), np.array(origins, dtype=str)


def _grey(cache: Path, name: str):
    from PIL import Image

    if name.startswith("*"):
        from sklearn.datasets import load_sample_image

        return Image.fromarray(load_sample_image(name[1:])).convert("L")
    return Image.open(cache / "sources" / "pypi-scikit-image" / "skimage" / "data" / name).convert("L")


def _band(texture, region: tuple[float, ...], part: tuple[float, float]):
    """The part's vertical band of the region; bands lie across the longer side."""
    left, top, right, bottom = (value * side for value, side in zip(region, texture.size * 2, strict=True))
    if right - left >= bottom - top:
        left, right = (left + (right - left) * edge for edge in part)
    else:
        top, bottom = (top + (bottom - top) * edge for edge in part)
    return texture.crop(tuple(round(value) for value in (left, top, right, bottom)))


def _patch(band, draws: np.random.Generator) -> np.ndarray:
    from PIL import Image

    largest = min(96, *band.size)
    patch = np.zeros((32, 32))
    while patch.std() < FLAT:
        side = int(draws.integers(min(44, largest), largest + 1))
        left, top = (int(draws.integers(extent - side + 1)) for extent in band.size)
        crop = band.crop((left, top, left + side, top + side))
        patch = np.asarray(crop.resize((32, 32), Image.Resampling.LANCZOS))
    return patch
