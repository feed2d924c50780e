"""The fold again, without its training: Δ_m after every step, from the masks that a finished run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import torch

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.masks.element import SIDES
from otmf_core.methods import METHODS
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.folder import Run


def replay(run: Run, library: Library) -> Iterator[tuple[StateDict, StateDict]]:
    """Yield (Δᵗ, Δ_m⁽ᵗ⁾) for t = 1…T, on CPU: Δᵗ as stored, Δ_m in float32.

    Average and task arithmetic are repeated exactly. OTMF's masks are kept in float16, so that its Δ_m is that of the
    run up to their rounding, which α shrinks from step to step. Raises InputError when a file is missing or damaged.
    """
    config = MergeConfig.parse(run.config)
    method = METHODS[config.method]
    merged: StateDict | None = None
    for t, task in enumerate(config.tasks, start=1):
        delta = library.task_vector(task)
        if merged is None:
            merged = method.first(delta, config)
        elif config.method == "otmf":
            merged = _fused(merged, delta, run.path / layout.step_folder(t) / layout.MASKS, config.alpha)
        else:  # the other methods read no more than this of a context
            merged = method.step({}, merged, delta, SimpleNamespace(config=config, step=t))
        assert merged is not None
        yield delta, merged


def deviation(replayed: StateDict, stored: StateDict) -> float:
    """‖replayed − stored‖ / ‖stored‖ over all entries."""
    difference = norm = 0.0
    for name, tensor in stored.items():
        difference += (replayed[name].double() - tensor.double()).square().sum().item()
        norm += tensor.double().square().sum().item()
    return (difference / norm) ** 0.5 if norm else difference**0.5


@torch.no_grad()
def _fused(pre: StateDict, post: StateDict, path: Path, alpha: float) -> StateDict:
    """Δ_m = α·(M_pre ⊙ Δ_pre) + (1−α)·(M_post ⊙ Δ_post), equation (1) of arXiv 2511.19561, from masks at `path`."""
    masks = {side: read_tensors(path, prefix=f"{side}.") for side in SIDES}
    for side in SIDES:
        missing = sorted(pre.keys() - masks[side].keys())
        if missing:
            raise InputError(f"a fusion keeps a mask of every tensor: {side}.{missing[0]} is missing in {path}")
    return {
        name: alpha * (masks["pre"][name].float() * pre[name])
        + (1 - alpha) * (masks["post"][name].float() * post[name].float())
        for name in pre
    }
