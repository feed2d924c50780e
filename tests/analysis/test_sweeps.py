"""Sweeps over α: what is reused, resumed and submitted, from run folders; the Pareto front against brute force."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from otmf_core.analysis.sweeps import Known, at, members, pareto, plan
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import create_run, list_runs, set_status

CONFIG = MergeConfig.build(tasks=("a", "b", "c"), steps=20)


@pytest.fixture
def folder(tmp_path: Path):
    """Makes a run folder of these settings and this status."""

    def make(name: str, status: str, **fields) -> str:
        settings = {"tasks": ("a", "b", "c"), "steps": 20, **fields}
        create_run(tmp_path / name, MergeConfig.build(**settings).model_dump(mode="json"))
        if status == "done":
            (tmp_path / name / "record.json").write_text("{}")
        set_status(tmp_path / name, status)
        return name

    return make


def known(out: Path) -> list[Known]:
    runs, problems = list_runs(out)
    assert not problems
    return [Known(run.id, run.status, run.config) for run in runs]


def test_of_an_empty_folder_everything_is_submitted(tmp_path: Path):
    assert plan(CONFIG, [0.7, 0.1, 0.7], []).submit == (0.1, 0.7)


def test_done_runs_are_reused_and_unfinished_ones_resumed(folder, tmp_path: Path):
    folder("one", "done", alpha=0.1)
    folder("two", "stopped", alpha=0.2)
    folder("three", "failed", alpha=0.3)
    folder("four", "running", alpha=0.4)  # of no living process: interrupted
    folder("five", "queued", alpha=0.5)
    found = plan(CONFIG, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], known(tmp_path))
    assert found.done == {0.1: "one"}
    assert found.resume == {0.2: "two", 0.3: "three", 0.4: "four"}
    assert found.active == {0.5: "five"}
    assert found.submit == (0.6,)


@pytest.mark.parametrize(
    "fields",
    [
        {"tasks": ("b", "a", "c")}, {"steps": 21}, {"seed": 1}, {"memory": 0}, {"preset": "paper"}, {"heads": "tuned"},
        {"library": "other"}, {"method": "average"}, {"evaluate": "all"}, {"device": "cpu"},
    ],
)  # fmt: skip
def test_a_run_of_other_settings_is_not_reused(folder, tmp_path: Path, fields: dict):
    folder("one", "done", alpha=0.1, **fields)
    assert plan(CONFIG, [0.1], known(tmp_path)).submit == (0.1,)


@pytest.mark.parametrize(
    "fields",
    [{"scaling": 1.0}, {"checkpoint_seconds": 99.0}, {"head_fraction": 0.5, "head_lr": 0.5}, {"alpha": 0.1 + 1e-9}],
)
def test_what_cannot_change_the_result_keeps_no_run_from_use(folder, tmp_path: Path, fields: dict):
    folder("one", "done", **{"alpha": 0.1, **fields})
    assert plan(CONFIG, [0.1], known(tmp_path)).done == {0.1: "one"}


def test_of_several_runs_a_done_one_counts_then_one_under_way(folder, tmp_path: Path):
    for name, status in (("one", "stopped"), ("two", "done"), ("three", "queued"), ("four", "done")):
        folder(name, status, alpha=0.1)
    runs = known(tmp_path)
    newest = next(run.run for run in runs if run.status == "done")
    assert members(CONFIG, runs)[0.1].run == newest
    unfinished = [run for run in runs if run.status != "done"]
    assert plan(CONFIG, [0.1], unfinished).active == {0.1: "three"}


def test_another_alpha_changes_nothing_else_and_has_its_range():
    assert at(CONFIG, 0.25) == MergeConfig.build(tasks=("a", "b", "c"), steps=20, alpha=0.25)
    with pytest.raises(InputError, match="alpha must be ≥ 0"):
        at(CONFIG, 1.5)


def test_the_front_is_what_brute_force_finds():
    draw = random.Random(0)
    for _ in range(300):
        points = [(float(draw.randrange(6)), float(draw.randrange(6))) for _ in range(draw.randrange(9))]
        expected = [
            not any(x >= u and y >= v and (x, y) != (u, v) for x, y in points)  # (x, y) dominates (u, v)
            for u, v in points
        ]
        assert pareto(points) == expected


def test_a_front_by_hand():
    assert pareto([(1, 3), (2, 2), (1, 2), (3, 1), (3, 1)]) == [True, True, False, True, True]
