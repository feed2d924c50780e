"""Letters and signs drawn from fonts: one channel of ink, centred in 40×40."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from otmf_core.minizoo.fonts import families

SIDE, BOX = 40, 32  # canvas, and the square the ink is fitted into


def draw(cache: Path, characters: tuple[str, ...], chosen, skip=lambda family: False):
    """Drawings of every character by every family with chosen(family) and not skip(family).

    Returns RGBA images (n, 40, 40, 4) with the ink in alpha, labels (n,), families (n,). A family that lacks one of the
    characters, or draws two of them alike or blank (a font that maps characters it does not have), is left out.
    """
    images, labels, origins = [], [], []
    for family, files in sorted(families(cache).items()):
        if not chosen(family) or skip(family):
            continue
        for style in _styles(files):
            inks = _draw_all(style, characters)
            if inks is None:
                continue
            images.extend(inks)
            labels.extend(range(len(characters)))
            origins.extend([family] * len(characters))
    return rgba(np.array(images, np.uint8)), np.array(labels, np.int64), np.array(origins, dtype=str)


def rgba(ink: np.ndarray) -> np.ndarray:
    """(n, 40, 40) coverage -> (n, 40, 40, 4): black with that alpha."""
    images = np.zeros((*ink.shape, 4), np.uint8)
    images[..., 3] = ink
    return images


def _styles(files):
    """Regular and bold: a family's subset files (Latin, Cyrillic, ...) of one weight belong together."""
    bold = [file for file in files if _is_bold(file[0])]
    regular = [file for file in files if not _is_bold(file[0])]
    return [style for style in (regular, bold) if style]


def _is_bold(path: str) -> bool:
    return "-700-" in path or "bold" in Path(path).stem.lower()


def _draw_all(style, characters) -> list[np.ndarray] | None:
    files = [next((path for path, points in style if ord(character) in points), "") for character in characters]
    if not all(files):
        return None
    drawn = [_draw_one(path, character) for path, character in zip(files, characters, strict=True)]
    crops = [crop for crop in drawn if crop]
    if len(crops) < len(characters):
        return None
    tallest = max(max(crop.size) for crop in crops)
    inks = [fit(crop, tallest) for crop in crops]
    distinct = {ink.tobytes() for ink in inks if (ink > 96).sum() >= 12}
    return inks if len(distinct) == len(inks) else None


@lru_cache(maxsize=64)
def _font(path: str):
    from PIL import ImageFont

    return ImageFont.truetype(path, 96, layout_engine=ImageFont.Layout.BASIC)


def _draw_one(path: str, character: str):
    """The character in white on black, cropped to its ink; None if there is none."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (288, 288))
    ImageDraw.Draw(canvas).text((96, 64), character, fill=255, font=_font(path))
    box = canvas.getbbox()
    return canvas.crop(box) if box else None


def fit(crop, tallest: int | None = None) -> np.ndarray:
    """A cropped drawing scaled into the middle of the canvas, (40, 40).

    tallest: longest side among the font's drawings in the same pixels; a small letter stays smaller than a large one,
    by the root of its share (a yod must not become a vav).
    """
    from PIL import Image

    longest = max(crop.size)
    scale = BOX / longest * (longest / (tallest or longest)) ** 0.5
    size = tuple(max(1, round(side * scale)) for side in crop.size)
    canvas = Image.new("L", (SIDE, SIDE))
    resample = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    canvas.paste(crop.resize(size, resample), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas)
