"""Small pictures to lay out on disk, and what is read back."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from otmf_core.errors import InputError
from otmf_core.library.importers.datasets import Picture, open_dataset, read_pictures
from otmf_core.library.pictures import open_picture
from tests.tiny import is_one_sentence


def pixels(number: int, *shape: int) -> np.ndarray:
    """Bytes that differ from picture to picture."""
    return np.random.default_rng(number).integers(0, 256, shape or (6, 5, 3), dtype=np.uint8)


def encoded(values: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    return file.getvalue()


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def decoded(pictures: Sequence[Picture]) -> list[np.ndarray]:
    return [np.asarray(open_picture(data, "here")) for data in read_pictures(pictures)]


def same(pictures: Sequence[Picture], expected: Sequence[tuple[Any, int]]) -> bool:
    """Whether these are pictures and labels that another library reads, in its order."""
    found = list(zip(decoded(pictures), [picture.label for picture in pictures], strict=True))
    theirs = [(np.asarray(image.convert("RGB")), int(label)) for image, label in expected]
    return len(found) == len(theirs) and all(
        (one == other).all() and own == label for (one, own), (other, label) in zip(found, theirs, strict=True)
    )


def refused(path: Path, config: str | None = None, read: bool = False) -> str:
    """The sentence with which a data set is refused, when it is opened or when it is read."""
    if read:
        dataset = open_dataset(path, config)
        with pytest.raises(InputError) as caught:
            [list(read_pictures(pictures)) for pictures in dataset.splits.values()]
    else:
        with pytest.raises(InputError) as caught:
            open_dataset(path, config)
    assert is_one_sentence(str(caught.value)), caught.value
    return str(caught.value)
