"""Every number the embedded library is made with, and how randomness and stored stages follow from them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.progress import track


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of pre-training, fine-tuning and packaging; learning rates follow a cosine down to zero."""

    pretrain_images: int = 450_000
    pretrain_batch: int = 256
    pretrain_rate: float = 1e-3
    pretrain_decay: float = 0.05
    tint_images: int = 240_000
    tint_rate: float = 7e-4
    text_width: int = 96
    text_layers: int = 2
    finetune_images: int = 32_000
    finetune_batch: int = 64
    finetune_rate: float = 2e-4
    calibration_images: int = 256
    labelled_images: int = 512
    test_images: int = 512
    webp_quality: int = 85


PICO = Recipe(
    pretrain_images=4_096,
    pretrain_batch=64,
    tint_images=2_048,
    text_width=32,
    text_layers=1,
    finetune_images=4_096,
    finetune_rate=5e-4,
    calibration_images=32,
    labelled_images=32,
    test_images=64,
)


def generator(seed: int, *names: str) -> torch.Generator:
    """A generator of its own for each purpose, so that one task's draws never depend on another's."""
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def fingerprint(*parts: Any) -> str:
    """Twelve hexadecimal digits naming the inputs of a stage: JSON values, and arrays by their bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes() if hasattr(part, "tobytes") else json.dumps(part, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def watch(steps: range, text: str) -> Iterable[int]:
    """The steps, with a progress bar on a terminal and silence elsewhere."""
    return track(steps, text, console=Console(stderr=True), disable=not sys.stderr.isatty())
