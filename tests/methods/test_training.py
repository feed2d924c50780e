"""Mini-batches of large networks are learned from in parts: the same as at once, up to the order of sums."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.methods.batches import Batch, in_parts
from otmf_core.models.base import Tower
from tests.tiny import change_tensors, merge_config, merged


def drawn() -> dict[str, Batch]:
    """Three images of each of five earlier tasks, and eight of the incoming one: tasks and rows all different."""
    return {
        "pre": (np.arange(5), np.arange(15).reshape(5, 3)),
        "post": (np.array([5]), np.arange(20, 28)[None]),
    }


def images(sides: dict[str, Batch]) -> list[tuple[str, int, tuple[int, ...]]]:
    return [(side, int(t), tuple(r)) for side, (tasks, rows) in sides.items() for t, r in zip(tasks, rows, strict=True)]


@pytest.mark.parametrize(
    ("most", "sizes"), [(None, [23]), (23, [23]), (22, [15, 8]), (12, [12, 11]), (7, [6, 6, 3, 8]), (1, [3] * 5 + [8])]
)
def test_a_part_holds_whole_tasks_and_at_most_so_many_images_or_one_task(most: int | None, sizes: list[int]):
    parts = in_parts(drawn(), most)
    assert [sum(rows.size for _, rows in part.values()) for part in parts] == sizes
    assert [image for part in parts for image in images(part)] == images(drawn())


def curves(run: Path) -> dict[str, np.ndarray]:
    table = pq.read_table(run / "steps/03" / layout.CURVES).to_pydict()
    return {name: np.array(values, dtype=float) for name, values in table.items()}


@pytest.mark.parametrize(
    "fields",
    [
        {"batch": 6, "batch_earlier": 4, "momentum": 0.5},
        {
            "batch": 6,
            "batch_earlier": 3,
            "update": "alternating",
            "masks": "row",
            "loss": "sinkhorn",
            "space": "raw",
            "alpha_rule": "learned",
        },
        {"method": "distillation", "batch": 6},
        {"method": "joint-masks", "batch": 12},
    ],
    ids=str,
)
def test_in_parts_a_fusion_learns_the_same(fields: dict, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = merge_config(tiny, **{"iterations": 6, "lr": 0.01, **fields})
    whole = merged(config, tmp_path, "whole")
    encoded: list[int] = []
    encode = Tower.encode_in_lanes

    def counted(self: Tower, inputs: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            encoded.append(len(inputs))
        return encode(self, inputs)

    monkeypatch.setattr("otmf_core.models.clip.ClipTower.encode_in_lanes", counted)
    monkeypatch.setattr(Tower, "most_at_once", 6)
    parts = merged(config, tmp_path, "parts")
    assert encoded and max(encoded) <= 6
    for key, values in curves(whole).items():
        assert curves(parts)[key] == pytest.approx(values, rel=2e-3, abs=1e-5, nan_ok=True), key


def test_losses_that_are_not_finite_in_a_later_part_stop_the_run(
    own_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    change_tensors("tasks/green/task_vector.safetensors", lambda tensors: [t.mul_(1e30) for t in tensors.values()])(
        own_tiny
    )
    monkeypatch.setattr(Tower, "most_at_once", 6)
    with pytest.raises(InputError, match="finite"):
        merged(merge_config(own_tiny, evaluate="all"), tmp_path)
