"""What transport costs: points are measured in processes of their own, and stop at their limits."""

from __future__ import annotations

import pytest
import torch

from otmf_core.analysis.studies.transport_cost import NAMES, SIZES, TRANSPORT, Point, measure_point, points
from otmf_core.analysis.studies.transport_point import BATCH, clouds, loss_named
from otmf_core.errors import InputError
from otmf_core.transport.losses import Cost, alignment

LIMITS = {"limit_seconds": 60.0, "limit_bytes": 1 << 31}


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_gives_a_gradient(name: str):
    first, second = clouds(2 * BATCH, 3)
    loss_named(name)(first, second).backward()
    assert first.grad is not None and first.grad.abs().sum() > 0
    assert torch.allclose(first.norm(dim=-1), torch.ones(1, 2 * BATCH))


def test_mini_batches_are_the_mean_over_batches():
    first, second = clouds(3 * BATCH, 4)
    sinkhorn = alignment("sinkhorn", Cost())
    parts = [sinkhorn(first[:, k : k + BATCH], second[:, k : k + BATCH]).item() for k in range(0, 3 * BATCH, BATCH)]
    # geomloss anneals from the diameter of all clouds that it is given, so values agree to its tolerance
    assert loss_named("mini-batch")(first, second).item() == pytest.approx(sum(parts) / 3, rel=1e-2)
    assert not any(n % BATCH for n in SIZES)


def test_a_point_is_measured_above_what_was_there_before():
    n, d = 2048, 64
    point = measure_point("sinkhorn", d, n, 120.0, 1 << 32)
    assert point.stopped is None
    assert point.seconds is not None and point.seconds > 0
    # at least the three matrices of costs in float32, and by far not the interpreter with torch
    assert point.memory_bytes is not None
    assert 3 * 4 * n * n < point.memory_bytes < 60 * 4 * n * n


@pytest.mark.parametrize(("limits", "stopped"), [((0.0, 1 << 40), "time"), ((600.0, 1 << 20), "memory")])
def test_a_point_stops_at_a_limit_and_larger_ones_are_not_tried(limits: tuple[float, int], stopped: str):
    assert [(point.n, point.stopped) for point in points(["sinkhorn"], [64], [4096, 8192], limits)] == [(4096, stopped)]


def test_a_point_that_cannot_be_measured_is_told():
    with pytest.raises(InputError, match="magic of 16 points ended with KeyError"):
        measure_point("magic", 8, 16, 60.0, 1 << 32)


def test_the_finding_says_where_each_kind_stops():
    measured = [
        Point(loss="exact", d=512, n=16, seconds=0.5, memory_bytes=1 << 20, **LIMITS),
        Point(loss="exact", d=768, n=16, seconds=0.5, memory_bytes=1 << 20, **LIMITS),
        Point(loss="exact", d=768, n=64, stopped="time", **LIMITS),
        Point(loss="sliced", d=768, n=64, seconds=0.25, memory_bytes=3 << 20, **LIMITS),
    ]
    found = TRANSPORT.found([], measured)
    assert found.finding == (
        "At d = 768, within 60 s and 2.0 GiB: exact fits to n = 16 (0.5 s, 1 MiB), then stops by time; sliced fits to "
        "n = 64 (0.25 s, 3 MiB)."
    )
    assert [(row["points"], row["memory_mib"], row["stopped"]) for row in found.rows] == [
        (16, 1.0, None),
        (16, 1.0, None),
        (64, None, "time"),
        (64, 3.0, None),
    ]
    assert TRANSPORT.found([], []).finding == "Nothing was measured."
