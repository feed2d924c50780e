"""One fusion of random task vectors, without a library or a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch.nn import functional as F

from otmf_core.methods.context import Calibration, Context, Learning
from otmf_core.models.clip import ClipTower, build_encoder
from otmf_core.models.heads import Head
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.spaces import ClassVectors
from tests.tiny import CONFIG, never

Rows = list[Mapping[str, float | None]]


def context_of(folder: Path, rows: Rows | None = None, kept: int = 3) -> tuple[Context, Learning, StateDict]:
    """Step 3 of a fold over random tasks, with so many images of the first kept, what it learns with, and θ⁰.

    The rows of the loss curves are put into `rows`.
    """
    torch.manual_seed(9)
    encoder = build_encoder(CONFIG)
    base = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    images = [torch.randint(0, 256, (count, 16, 16, 3), dtype=torch.uint8) for count in (3, 10, 10)]
    heads = [Head(F.normalize(torch.randn(classes, 16), dim=-1), 10.0) for classes in (3, 5, 2)]
    calibration = [Calibration(inputs, torch.randn(len(inputs), 16)) for inputs in images]
    calibration[0] = Calibration(images[0][:kept] if kept else None, calibration[0].teacher)

    def report(iteration: int, row: Mapping[str, float | None], seconds: float) -> None:
        if rows is not None:
            rows.append(row)

    learning = Learning(
        tower=ClipTower(encoder, base, torch.device("cpu"), CONFIG),
        calibration=calibration,
        class_vectors=ClassVectors(heads),
        results=folder,
        unfinished=folder / "within.safetensors",
        save_seconds=5.0,
        report=report,
        should_stop=never,
    )
    return Context(3, learning=learning), learning, base


def random_vectors(base: StateDict) -> tuple[StateDict, StateDict]:
    generator = torch.Generator().manual_seed(2)
    pre, post = ({n: 0.05 * torch.randn(t.shape, generator=generator) for n, t in base.items()} for _ in range(2))
    return pre, {name: tensor.half() for name, tensor in post.items()}
