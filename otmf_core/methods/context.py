"""What a merge method sees at one step of the fold: the encoder, the images it may read, and how to report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from otmf_core.config import MergeConfig
from otmf_core.models.clip import encode
from otmf_core.models.device import autocast, to_device
from otmf_core.transport.losses import ClassVectors

Event = dict[str, Any]
ENCODE_BATCH = 128


@dataclass(frozen=True)
class View:
    """Unlabelled calibration images of one task, uint8 (n, H, W, 3), and its teacher's features (n, d) if kept."""

    pixels: Tensor
    teacher: Tensor | None


@dataclass(frozen=True)
class Context:
    """One step t of the fold. `views[i]` is what may be seen of the i-th task, the incoming one last."""

    config: MergeConfig
    step: int
    device: torch.device
    encoder: nn.Module
    preprocess: Callable[[Tensor], Tensor]
    views: list[View]
    heads: ClassVectors
    within: Path  # where the state of an unfinished step is kept
    results: Path  # where a step leaves its curves and masks
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]

    def features(self, pixels: Tensor) -> Tensor:
        """φ(x; θ) of uint8 images (n, H, W, 3) under the encoder's present weights: float32 (n, d), no gradient."""
        with torch.no_grad():
            return torch.cat([self.encode(part) for part in pixels.split(ENCODE_BATCH)])

    def encode(self, pixels: Tensor) -> Tensor:
        """φ(x; θ) of one batch, float32 (n, d), with gradient."""
        images = self.preprocess(to_device(pixels, self.device))
        with autocast(self.device):
            return encode(self.encoder, images).float()
