"""Plain geometric shapes for pre-training."""

from __future__ import annotations

import numpy as np

# corners of each shape; of a star, its points, negative
SHAPES = {
    "triangle": 3,
    "square": 4,
    "pentagon": 5,
    "hexagon": 6,
    "octagon": 8,
    "circle": 60,
    "star with four points": -4,
    "star with five points": -5,
    "star with six points": -6,
    "star with eight points": -8,
}
LINES = {"filled": 0, "thin": 8, "thick": 22}


def draw_shapes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every shape filled, thin and thick, at four angles: images (n, 40, 40, 4), labels (n,), origins (n,)."""
    from PIL import Image, ImageDraw

    from otmf_core.minizoo.glyphs import fit, rgba

    inks, labels, origins = [], [], []
    for label, corners in enumerate(SHAPES.values()):
        for line, width in LINES.items():
            for turn in range(4):
                canvas = Image.new("L", (256, 256))
                outline = _outline(corners, turn * np.pi / 16)
                ImageDraw.Draw(canvas).polygon(outline, fill=255 if not width else 0, outline=255, width=max(1, width))
                inks.append(fit(canvas.crop(canvas.getbbox())))
                labels.append(label)
                origins.append(f"{line} shapes")
    return rgba(np.stack(inks)), np.array(labels, np.int64), np.array(origins, dtype=str)


def _outline(corners: int, angle: float) -> list[tuple[float, float]]:
    """Corners of a regular polygon of radius 110; of a star (inner radius 45) if negative."""
    count, star = abs(corners), corners < 0
    steps = np.arange(2 * count if star else count)
    radii = np.where(steps % 2, 45, 110) if star else np.full(count, 110)
    angles = angle - np.pi / 2 + 2 * np.pi * steps / len(steps)
    return [(128 + r * np.cos(a), 128 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
