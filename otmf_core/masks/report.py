"""The files that a fusion leaves of its masks: statistics with histograms, and the masks themselves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import shown, write_table, write_tensors
from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import BINS, COMMON_RANGE, RANGE, SIDES
from otmf_core.models.checkpoints import read_metadata
from otmf_core.models.task_vector import StateDict


@torch.no_grad()
def mask_mean(masks: MaskPair, side: str, weights: StateDict) -> float:
    """Mean of one side's masks over all entries of the weights."""
    total = sum(masks.mask(side, name).mean().item() * weight.numel() for name, weight in weights.items())
    return total / sum(weight.numel() for weight in weights.values())


@torch.no_grad()
def write_report(folder: Path, masks: MaskPair, weights: StateDict) -> None:
    """Write mask_statistics.parquet (one row per tensor and side) and masks.safetensors (float16).

    `common` is the histogram of min(|M_pre|, |M_post|), in the rows of both sides: at any threshold it tells how many
    entries both masks keep.
    """
    rows: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    halves = {}
    for name in weights:
        pair = {side: masks.mask(side, name).float() for side in SIDES}
        common = _histogram(torch.minimum(*(mask.abs() for mask in pair.values())), COMMON_RANGE)
        for side, mask in pair.items():
            halves[f"{side}.{name}"] = mask.half().cpu().contiguous()
            rows[side].append(
                {
                    "tensor": name,
                    "side": side,
                    "entries": mask.numel(),
                    "mean": mask.mean().item(),
                    "std": mask.std(correction=0).item(),
                    "min": mask.min().item(),
                    "max": mask.max().item(),
                    "histogram": _histogram(mask, RANGE),
                    "common": common,
                    "drift": (mask - 1).abs().mean().item(),
                }
            )
    in_order = [row for side in SIDES for row in rows[side]]
    write_table(folder / layout.MASK_STATISTICS, {key: [row[key] for row in in_order] for key in in_order[0]})
    write_tensors(folder / layout.MASKS, halves, {"factors": json.dumps(masks.factor)})


def read_factors(path: Path) -> dict[str, float] | None:
    """The factors of both sides that stand beside masks; None in runs of version 0.1.0. Raises InputError."""
    written = read_metadata(path).get("factors")
    if written is None:
        return None
    try:
        factors = {side: float(json.loads(written)[side]) for side in SIDES}
    except (ValueError, TypeError, KeyError, RecursionError):
        factors = {}
    if factors and all(map(math.isfinite, factors.values())):
        return factors
    raise InputError(f"the factors beside masks are two finite numbers, received {shown(written)} in {path}")


def _histogram(values: Tensor, span: tuple[float, float]) -> list[int]:
    return torch.histc(values.clamp(*span).cpu(), BINS, *span).long().tolist()
