"""One fusion of random task vectors, without a library or a run folder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional as F

from otmf_core.config import MergeConfig
from otmf_core.methods.context import Calibration, Context
from otmf_core.models.clip import ClipTower, build_encoder
from otmf_core.models.heads import Head
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.spaces import ClassVectors
from tests.tiny import CONFIG, never


def context_of(folder: Path, config: MergeConfig, events: list[dict] | None = None) -> tuple[Context, StateDict]:
    """Step 3 of a fold over random tasks, with three images of the first kept, and θ⁰."""
    torch.manual_seed(9)
    encoder = build_encoder(CONFIG)
    base = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    images = [torch.randint(0, 256, (count, 16, 16, 3), dtype=torch.uint8) for count in (3, 10, 10)]
    heads = [Head(F.normalize(torch.randn(classes, 16), dim=-1), 10.0) for classes in (3, 5, 2)]
    context = Context(
        config=config,
        step=3,
        tower=ClipTower(encoder, base, torch.device("cpu"), CONFIG),
        calibration=[Calibration(inputs, torch.randn(len(inputs), 16)) for inputs in images],
        heads=ClassVectors(heads),
        within=folder / "within.safetensors",
        results=folder,
        emit=(events if events is not None else []).append,
        should_stop=never,
    )
    return context, base


def random_vectors(base: StateDict) -> tuple[StateDict, StateDict]:
    generator = torch.Generator().manual_seed(2)
    pre, post = ({n: 0.05 * torch.randn(t.shape, generator=generator) for n, t in base.items()} for _ in range(2))
    return pre, {name: tensor.half() for name, tensor in post.items()}
