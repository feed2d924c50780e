"""What a fusion leaves for the pages: loss curves, mask statistics with histograms, and the masks themselves."""

from __future__ import annotations

from pathlib import Path

import torch

from otmf_core.files import write_table, write_tensors
from otmf_core.masks import SIDES, MaskPair
from otmf_core.task_vector import StateDict

BINS = 128
RANGE = (-2.0, 4.0)  # of the histograms; entries beyond are counted in the outermost bins


@torch.no_grad()
def mask_mean(masks: MaskPair, side: str, weights: StateDict) -> float:
    """Mean of one side's masks over all entries of the weights."""
    total = sum(masks.mask(side, name).mean().item() * weight.numel() for name, weight in weights.items())
    return total / sum(weight.numel() for weight in weights.values())


@torch.no_grad()
def write_report(folder: Path, masks: MaskPair, weights: StateDict, curves: list[dict]) -> None:
    """Write curves.parquet, mask_statistics.parquet (one row per tensor and side) and masks.safetensors (float16)."""
    write_table(folder / "curves.parquet", {key: [row[key] for row in curves] for key in curves[0]})
    rows, halves = [], {}
    for side in SIDES:
        for name in weights:
            mask = masks.mask(side, name).float()
            halves[f"{side}.{name}"] = mask.half().cpu().contiguous()
            counts = torch.histc(mask.clamp(*RANGE).cpu(), BINS, *RANGE).long().tolist()
            rows.append(
                {
                    "tensor": name,
                    "side": side,
                    "entries": mask.numel(),
                    "mean": mask.mean().item(),
                    "std": mask.std(correction=0).item(),
                    "min": mask.min().item(),
                    "max": mask.max().item(),
                    "histogram": counts,
                }
            )
    write_table(folder / "mask_statistics.parquet", {key: [row[key] for row in rows] for key in rows[0]})
    write_tensors(folder / "masks.safetensors", halves)
