"""Every number the embedded text library is made with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of vocabulary, model, training and packaging; learning rates follow a cosine down to zero."""

    vocabulary: int = 1800
    width: int = 128
    inner: int = 256
    layers: tuple[int, int] = (2, 2)
    heads: int = 4
    length: int = 36  # pieces of a prompt, the end among them
    pretrain_steps: int = 1000
    pretrain_batch: int = 64
    pretrain_rate: float = 1.5e-3
    spans_share: float = 0.15  # of the examples, that restore blanked words
    own_share: float = 0.55  # of the examples, of the tasks' own kind, by items kept for that
    finetune_steps: int = 300
    finetune_batch: int = 64
    finetune_rate: float = 8e-4
    calibration_rows: int = 256
    labelled_rows: int = 512
    test_rows: int = 512


PICO = Recipe(
    vocabulary=400,
    width=32,
    inner=64,
    layers=(1, 1),
    heads=2,
    pretrain_steps=40,
    pretrain_batch=32,
    finetune_steps=80,
    finetune_batch=32,
    finetune_rate=5e-3,
    calibration_rows=16,
    labelled_rows=16,
    test_rows=32,
)
