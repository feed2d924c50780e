"""Where names stand beside the points of a chart: at no other name, point or bar, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import cos, hypot, radians, sin
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

MARKER = 5.5  # pixels: half a marker
LETTER, CAPITAL, LINE = 5.0, 6.7, 13  # pixels: of a letter at 11 px, of a line of text
GAP = 2  # pixels, that names keep between each other
DOT = 3  # pixels: of the pieces that a leader line is looked at in
NEAR, FAR = 9, range(14, 240, 4)  # pixels from a point to its name, beside it and away from it
ANGLES = (0, *(angle for steep in range(10, 90, 10) for angle in (steep, -steep)))  # degrees above the level

Side = Literal["left", "center", "right"]  # of its name that is towards the point
Boxes = NDArray[np.float64]  # (n, 4): left, bottom, right, top, in pixels
Size = tuple[float, float]  # width and height of the axes, in pixels


class Place(NamedTuple):
    """Where a name begins, pixels to the right of its point and above it, and which side of the name is there."""

    right: float
    up: float
    side: Side

    @property
    def led(self) -> bool:
        """Whether a line has to lead there, since another point may be nearer."""
        return self.side != "center" and hypot(self.right, self.up) > NEAR


@dataclass(frozen=True)
class Named:
    """A point in shares of the axes, 0…1; `bar` is half its bar along y, likewise."""

    name: str
    x: float
    y: float
    bar: float = 0.0


def text_width(name: str) -> float:
    """The pixels that a name takes at most, at 11 px."""
    return sum(CAPITAL if letter.isupper() else LETTER for letter in name)


def candidates() -> Iterator[Place]:
    """Every place of a name in the order of preference: at its point, then ever farther off, right before left."""
    yield Place(NEAR, 0, "left")
    yield Place(-NEAR, 0, "right")
    yield Place(0, NEAR + LINE / 2, "center")
    yield Place(0, -NEAR - LINE / 2, "center")
    for far, angle in product(FAR, ANGLES):
        right, up = far * cos(radians(angle)), far * sin(radians(angle))
        yield Place(right, up, "left")
        yield Place(-right, up, "right")


def places(points: Sequence[Named], sizes: Sequence[Size]) -> list[Place | None]:
    """The place of each name, points in order of their importance: the first that is free; None where none is.

    A place is free where, on axes of each of these sizes, the name lies inside and meets no marker, no bar, no name
    before it and no line to one; and where the line to it crosses no name, no line, and no marker but those that its
    own one meets.
    """
    axes = [_Axes(points, size) for size in sizes]
    found: list[Place | None] = []
    for own in range(len(points)):
        place = next((each for each in candidates() if all(every.is_free(own, each) for every in axes)), None)
        found.append(place)
        if place:
            for every in axes:
                every.take(own, place)
    return found


class _Axes:
    """What stands on axes of one size; the first boxes taken are the points' markers."""

    def __init__(self, points: Sequence[Named], size: Size) -> None:
        self.size, self.names = size, [point.name for point in points]
        self.at = [(point.x * size[0], point.y * size[1]) for point in points]
        self.taken = np.array([(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in self.at])
        halves = [point.bar * size[1] for point in points]
        self.bars = np.array([(x - 1, y - h, x + 1, y + h) for (x, y), h in zip(self.at, halves, strict=True)])

    def is_free(self, own: int, place: Place) -> bool:
        name, line = self._boxes(own, place)
        left, bottom, right, top = name[0]
        if left < 0 or bottom < 0 or right > self.size[0] or top > self.size[1]:
            return False
        if _meet(name, self.bars).any() or _meet(name, self.taken).any():
            return False
        heap = _meet(self.taken[own : own + 1], self.taken)[0]
        heap[len(self.at) :] = False
        return not _meet(line, self.taken[~heap]).any()

    def take(self, own: int, place: Place) -> None:
        self.taken = np.concatenate([self.taken, *self._boxes(own, place)])

    def _boxes(self, own: int, place: Place) -> tuple[Boxes, Boxes]:
        """The box of a name, (1, 4), and those of the line that leads to it, (n, 4)."""
        (x, y), wide = self.at[own], text_width(self.names[own])
        left = x + place.right - {"left": 0, "center": wide / 2, "right": wide}[place.side]
        name = np.array([(left - GAP, y + place.up - LINE / 2, left + wide + GAP, y + place.up + LINE / 2)])
        if not place.led:
            return name, np.empty((0, 4))
        length = hypot(place.right, place.up)
        shares = np.arange(MARKER, length - 2 * GAP, DOT) / length
        middle = np.stack([x + shares * place.right, y + shares * place.up], axis=1)  # (n, 2)
        return name, np.concatenate([middle - DOT / 2, middle + DOT / 2], axis=1)


def _meet(some: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Whether each of n boxes has a part in common with each of m others: (n, m)."""
    one, other = some[:, None], others[None]
    return np.all((one[..., :2] < other[..., 2:]) & (other[..., :2] < one[..., 2:]), axis=-1)
