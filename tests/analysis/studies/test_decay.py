"""Rates of decay: a geometric matrix gives its own back."""

from __future__ import annotations

import pytest

from otmf_core.analysis.grid import entries, grid
from otmf_core.analysis.studies.decay import kept_gains, misfit, rate
from otmf_core.analysis.studies.recursion import RECURSION
from otmf_core.config import MergeConfig
from tests.made_runs import made_run

ZERO, GAIN = 30.0, 40.0
TASKS = tuple("abcdef")


def geometric(rho: float, tasks: int = 6) -> tuple[tuple[float, ...], ...]:
    """Every task gains 40 points when it is merged, of which ρ is kept with every step after it."""
    return tuple(
        tuple(ZERO if step <= task else ZERO + GAIN * rho ** (step - task - 1) for task in range(tasks))
        for step in range(tasks + 1)
    )


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.987, 1.0, 1.02])
def test_a_geometric_matrix_gives_its_rate_back(rho: float):
    kept = kept_gains(geometric(rho), 0)
    assert kept is not None
    assert kept == pytest.approx([rho**k for k in range(6)])
    assert rate(kept) == pytest.approx(rho, abs=1e-9)
    assert misfit(kept, rate(kept)) == pytest.approx(0.0, abs=1e-8)


def test_what_fell_below_the_pre_trained_model_counts_as_it_is():
    kept = [1.0, -0.5]  # of ρ in 0…1.2 the least (−0.5 − ρ)² is at 0
    assert rate(kept) == 0.0
    assert misfit(kept, 0.0) == 0.5
    assert misfit([1.0, 0.8, None, 0.2], 0.5) == pytest.approx(((0.3**2 + 0.075**2) / 2) ** 0.5)


def test_tasks_that_gained_little_or_were_merged_late_have_no_rate():
    matrix = geometric(0.9)
    assert kept_gains(matrix, 2) is not None
    assert kept_gains(matrix, 3) is None, "two steps after its own"
    flat = [[ZERO + 4.0 if step > 0 else ZERO for _ in range(6)] for step in range(7)]
    assert kept_gains(flat, 0) is None
    assert kept_gains([[None, ZERO], [50.0, ZERO], [50.0, 50.0]], 0) is None


def test_rates_are_means_over_tasks_and_the_slowest_comes_first():
    runs = []
    for method, rho in (("average", 0.8), ("otmf", 0.95), ("magmax", 1.0)):
        config = MergeConfig.build(tasks=TASKS, method=method)
        runs.append(made_run(method, config, matrix=geometric(rho), acc=60.0))
    found = RECURSION.found(runs, ())
    assert [(row["name"], row["tasks"], row["n"]) for row in found.rows] == [
        ("MagMax", 3, 1),
        ("OTMF", 3, 1),
        ("Average", 3, 1),
    ]
    assert [row["rate"] for row in found.rows] == pytest.approx([1.0, 0.95, 0.8])
    assert found.rows[1]["half_life"] == pytest.approx(13.5134, abs=1e-4)  # ln 0.5 / ln 0.95
    assert [row["low"] for row in found.rows] == pytest.approx([1.0, 0.95, 0.8])
    average = [point["kept"] for point in found.points if point["method"] == "average"]
    assert average == pytest.approx([0.8**k for k in range(6)])
    assert found.finding == (
        "Of a task's gain over the pre-trained model, MagMax keeps 100.0% [100.0, 100.0] a step; OTMF 95.0% "
        "[95.0, 95.0]; Average, the fastest to forget, 80.0% [80.0, 80.0]."
    )
    assert (
        "No task gained enough" in RECURSION.found([made_run("x", config, matrix=geometric(0, 6)[:1] * 7)], ()).finding
    )


def test_its_merges_are_those_of_a_comparison():

    asked = RECURSION.configs([TASKS], {"seed": 1})
    assert asked == grid(
        entries("otmf,otmf@paper,average,task-arithmetic,ties,magmax,opcm,nufilt"), [TASKS], {"seed": 1}
    )
