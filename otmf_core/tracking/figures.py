"""The picture of an accuracy matrix, for tools that show pictures: steps down, tasks across, accuracy in percent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from otmf_core.runs.state import AccuracyRow

CELL, HEIGHT, STEP = (44, 26), 14, 40  # pixels: of a cell, of letters, of the column of steps
MOST_LETTERS, MOST_TASKS = 24, 100
LIGHT, DARK = np.array((247, 251, 255)), np.array((8, 69, 148))
INK, PAPER, EMPTY = (30, 30, 30), (255, 255, 255), (235, 235, 235)


def matrix_picture(tasks: Sequence[str], matrix: Sequence[AccuracyRow]) -> NDArray[np.uint8]:
    """The first 100 tasks and steps of a matrix in percent as a picture, (H, W, 3); grey where not evaluated."""
    tasks = [task[:MOST_LETTERS] for task in tasks[:MOST_TASKS]]
    rows = [row[:MOST_TASKS] for row in matrix[: MOST_TASKS + 1]]
    font = ImageFont.load_default(HEIGHT)
    head = max(round(font.getlength(task)) for task in tasks) + 10
    picture = Image.new("RGB", (STEP + CELL[0] * len(tasks), head + CELL[1] * len(rows)), PAPER)
    draw = ImageDraw.Draw(picture)
    for i, task in enumerate(tasks):
        label = Image.new("RGB", (head, CELL[0]), PAPER)
        ImageDraw.Draw(label).text((5, CELL[0] / 2), task, INK, font, anchor="lm")
        picture.paste(label.rotate(90, expand=True), (STEP + i * CELL[0], 0))
    for t, row in enumerate(rows):
        top = head + t * CELL[1]
        draw.text((STEP - 8, top + CELL[1] / 2), str(t), INK, font, anchor="rm")
        for i, value in enumerate(row):
            left = STEP + i * CELL[0]
            share = 0.0 if value is None else min(max(value / 100, 0.0), 1.0)
            colour = EMPTY if value is None else tuple(int(c) for c in LIGHT + share * (DARK - LIGHT))
            draw.rectangle((left, top, left + CELL[0] - 2, top + CELL[1] - 2), colour)
            if value is not None:
                middle = (left + CELL[0] / 2, top + CELL[1] / 2)
                draw.text(middle, f"{value:.1f}", PAPER if share > 0.55 else INK, font, anchor="mm")
    return np.asarray(picture)
