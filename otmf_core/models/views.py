"""Views of images: the same ones turned, scaled and shifted a little, half of them mixed with others; drawn by seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

TURN = math.pi / 18  # each way
SCALE = 0.15  # of the logarithm, each way
SHIFT = 0.12  # of half the width or height, each way
MIXED = 0.5  # of the views, with at most as much of the other image as of their own
DRAWS = 7  # numbers that a view is drawn by: turn, scale, two shifts, whether and how far it is mixed, with which


@dataclass(frozen=True, eq=False)
class Views:
    """Every image as it is and in `count` − 1 drawn views, image by image: n·count inputs, made as they are asked for.

    Kept are the images, uint8 (n, H, W, 3), and the seed. The views of the first images are the same however many
    follow, so a part of the images may be forgotten: each is mixed with one before it.
    """

    images: Tensor
    count: int
    seed: Sequence[int]

    def __len__(self) -> int:
        return len(self.images) * self.count

    def __getitem__(self, rows: Any, /) -> Tensor:
        """Those of a slice, or of indices in an array: uint8 (m, H, W, 3)."""
        places = np.arange(len(self))[rows]
        drawn = places % self.count > 0
        found = self.images[torch.from_numpy(places // self.count)]
        if drawn.any():
            found[torch.from_numpy(drawn)] = self._views(places[drawn])
        return found

    def bytes(self) -> int:
        """What all of them take."""
        return self.images[0].numel() * len(self)

    @cached_property
    def _draws(self) -> np.ndarray:
        return np.random.default_rng([*self.seed]).random((len(self), DRAWS))

    def _views(self, places: np.ndarray) -> Tensor:
        turn, scale, right, down, whether, share, which = self._draws[places].T
        own = places // self.count
        others = self.images[torch.from_numpy((which * own).astype(np.int64))]
        weight = np.where(whether < MIXED, share / 2, 0.0)
        moved = _moved(self.images[torch.from_numpy(own)], turn * 2 - 1, scale * 2 - 1, right * 2 - 1, down * 2 - 1)
        return torch.lerp(moved, others.float(), torch.from_numpy(weight).float().view(-1, 1, 1, 1)).round().byte()


def _moved(images: Tensor, turn: np.ndarray, scale: np.ndarray, right: np.ndarray, down: np.ndarray) -> Tensor:
    """Images turned, scaled and shifted by numbers from −1 to 1, edges repeated: float32 (n, H, W, 3) in 0…255."""
    size = np.exp(scale * SCALE)
    cos, sin = np.cos(turn * TURN) * size, np.sin(turn * TURN) * size
    rows = np.stack([np.stack([cos, -sin, right * SHIFT], -1), np.stack([sin, cos, down * SHIFT], -1)], 1)
    pixels = images.permute(0, 3, 1, 2).float()
    grid = F.affine_grid(torch.from_numpy(rows).float(), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
