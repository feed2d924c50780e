"""Sweeps over a setting: what is reused, resumed and missing, from run folders; the Pareto front by brute force."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from otmf_core.analysis.sweeps import (
    SweepRun,
    at,
    by_hand,
    by_rule,
    members,
    pareto,
    same_sweep,
    sweep_status,
    value_of,
)
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import write_json
from otmf_core.runs.folder import Status, create_run, list_runs, set_status
from tests.made_runs import record_of

CONFIG = MergeConfig.build(tasks=("a", "b", "c"), iterations=20)


@pytest.fixture
def folder(tmp_path: Path):
    """Makes a run folder of these settings and this status."""

    def make(name: str, status: Status, **fields) -> str:
        own = {} if fields.get("method", "otmf") != "otmf" else {"iterations": 20}
        config = MergeConfig.build(**{"tasks": ("a", "b", "c"), **own, **fields})
        create_run(tmp_path / name, config)
        if status == "done":
            write_json(tmp_path / name / "record.json", record_of(config).model_dump(mode="json"))
        set_status(tmp_path / name, status)
        return name

    return make


def listed(out: Path) -> list[SweepRun]:
    runs, problems = list_runs(out)
    assert not problems
    return [SweepRun(run.id, run.status, run.config) for run in runs]


def test_of_an_empty_folder_everything_is_missing(tmp_path: Path):
    assert sweep_status(CONFIG, [0.7, 0.1, 0.7], []).missing == (0.1, 0.7)


def test_done_runs_are_reused_and_unfinished_ones_resumed(folder, tmp_path: Path):
    folder("one", "done", alpha=0.1)
    folder("two", "stopped", alpha=0.2)
    folder("three", "failed", alpha=0.3)
    folder("four", "running", alpha=0.4)  # of no living process: interrupted
    folder("five", "queued", alpha=0.5)  # likewise
    status = sweep_status(CONFIG, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], listed(tmp_path))
    assert status.done == {0.1: "one"}
    assert status.resume == {0.2: "two", 0.3: "three", 0.4: "four", 0.5: "five"}
    assert status.active == {}
    assert status.missing == (0.6,)


@pytest.mark.parametrize(
    "fields",
    [
        {"tasks": ("b", "a", "c")}, {"iterations": 21}, {"seed": 1}, {"memory": 0}, {"preset": "paper"},
        {"heads": "tuned"},
        {"library": "other"}, {"evaluate": "all"}, {"device": "cpu"}, {"masks": "row"}, {"loss": "paired"},
    ],
)  # fmt: skip
def test_a_run_of_other_settings_is_not_reused(folder, tmp_path: Path, fields: dict):
    folder("one", "done", alpha=0.1, **fields)
    assert sweep_status(CONFIG, [0.1], listed(tmp_path)).missing == (0.1,)


@pytest.mark.parametrize(
    "fields",
    [{"checkpoint_seconds": 99.0}, {"head_fraction": 0.5, "head_lr": 0.5}, {"alpha": 0.1 + 1e-9}],
)
def test_what_cannot_change_the_result_keeps_no_run_from_use(folder, tmp_path: Path, fields: dict):
    folder("one", "done", **{"alpha": 0.1, **fields})
    assert sweep_status(CONFIG, [0.1], listed(tmp_path)).done == {0.1: "one"}


def test_a_run_of_version_0_1_0_is_reused_whatever_it_held_of_other_methods(folder, tmp_path: Path):
    then = {
        "lr": 0.1,
        "memory": 64,
        "batch_earlier": None,
        "momentum": 0.9,
        "views": 1,
        "loss": "sinkhorn",
        "temperature": 1.0,
    }
    folder("one", "done", alpha=0.1, **then)
    old = {"tasks": ["a", "b", "c"], "method": "otmf", "alpha": 0.1, "scaling": 1.0, "steps": 20}
    write_json(tmp_path / "one/config.json", old)
    assert sweep_status(CONFIG.with_settings(**then), [0.1], listed(tmp_path)).done == {0.1: "one"}
    assert sweep_status(CONFIG, [0.1], listed(tmp_path)).missing == (0.1,)


def test_runs_by_a_rule_stand_beside_the_sweep_of_the_same_settings(folder, tmp_path: Path):
    folder("one", "done", alpha=0.1)
    folder("two", "done", alpha_rule="auto", alpha=0.3)
    folder("three", "stopped", alpha_rule="norm")
    folder("four", "done", alpha_rule="auto", seed=1)
    folder("five", "done", alpha_rule="learned")  # whose α is where it starts
    runs = listed(tmp_path)
    assert {rule: run.run for rule, run in by_rule(CONFIG, runs).items()} == {"auto": "two", "norm": "three"}
    assert sweep_status(CONFIG, [0.1, 0.3], runs).missing == (0.3,)
    assert by_rule(MergeConfig.build(tasks=("a", "b"), method="task-arithmetic"), runs) == {}
    assert by_hand(CONFIG.with_settings(alpha_rule="norm")) == CONFIG
    learned = CONFIG.with_settings(alpha_rule="learned")
    assert by_hand(learned) == learned


def test_a_run_of_another_method_is_not_reused(folder, tmp_path: Path):
    folder("one", "done", method="average")
    folder("two", "done", method="task-arithmetic", scaling=0.1)
    assert sweep_status(CONFIG, [0.1], listed(tmp_path)).missing == (0.1,)


def test_task_arithmetic_is_swept_over_its_scaling(folder, tmp_path: Path):
    folder("one", "done", method="task-arithmetic", scaling=0.1)
    folder("two", "stopped", method="task-arithmetic", scaling=0.2)
    folder("three", "done", method="task-arithmetic", scaling=0.3, seed=1)
    folder("four", "done", alpha=0.3)
    config = MergeConfig.build(tasks=("a", "b", "c"), method="task-arithmetic", scaling=1.5)
    status = sweep_status(config, [0.1, 0.2, 0.3], listed(tmp_path))
    assert (status.done, status.resume, status.missing) == ({0.1: "one"}, {0.2: "two"}, (0.3,))
    assert value_of(config) == 1.5
    assert at(config, 0.2) == MergeConfig.build(tasks=("a", "b", "c"), method="task-arithmetic", scaling=0.2)
    with pytest.raises(InputError, match=r"^scaling must be 0 to 2, received 2\.5$"):
        at(config, 2.5)


def test_a_method_without_a_swept_setting_has_no_sweep():
    average = MergeConfig.build(tasks=("a", "b", "c"), method="average")
    assert not same_sweep(average, average)
    assert not same_sweep(CONFIG, average)
    assert same_sweep(CONFIG, at(CONFIG, 0.1))


def test_of_several_runs_a_done_one_counts_then_one_under_way(folder, tmp_path: Path):
    for name, status in (("one", "stopped"), ("two", "done"), ("three", "queued"), ("four", "done")):
        folder(name, status, alpha=0.1)
    runs = [run._replace(status="queued") if run.run == "three" else run for run in listed(tmp_path)]  # in a queue
    newest = next(run.run for run in runs if run.status == "done")
    assert members(CONFIG, runs)[0.1].run == newest
    unfinished = [run for run in runs if run.status != "done"]
    assert sweep_status(CONFIG, [0.1], unfinished).active == {0.1: "three"}


def test_another_alpha_changes_nothing_else_and_has_its_range():
    assert value_of(CONFIG) == 0.8
    assert at(CONFIG, 0.25) == MergeConfig.build(tasks=("a", "b", "c"), iterations=20, alpha=0.25)
    with pytest.raises(InputError, match=r"^alpha must be 0 to 1, received 1\.5$"):
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
