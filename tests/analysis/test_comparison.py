"""Runs held against each other: pools, marks and warnings by hand-computed values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from otmf_core.analysis.comparison import (
    best_marks,
    by_library,
    differences,
    leaderboard,
    letter,
    means_so_far,
    mismatches,
    pools,
    runs_of_commonest_tasks,
    unusual_marks,
)
from otmf_core.config import MergeConfig
from otmf_core.runs.folder import Run
from tests.made_runs import made_run


def run(name: str, tasks: str = "a b", acc: float = 50.0, library_hash: str = "", **fields: Any) -> Run:
    """A finished run with these metrics."""
    record = {name: fields.pop(name) for name in ("labels",) if name in fields}
    metrics = {"acc": acc, "bwt": acc - 60, "stability": 90.0, "plasticity": None}
    config = MergeConfig.build(tasks=tuple(tasks.split()), **fields)
    return made_run(name, config, library_hash, **metrics, seconds=100 - acc, peak_memory_bytes=2**31, **record)


def names(runs: list[Run]) -> dict[str, str]:
    return {each.id: letter(index) for index, each in enumerate(runs)}


def test_runs_are_pooled_over_orders_and_seeds_and_nothing_else():
    first, order, seed, alpha, other, _repeat = runs = [
        run("1"),
        run("2", "b a"),
        run("3", seed=7),
        run("4", alpha=0.5),
        run("5", "a c"),
        run("6", seed=7),
    ]
    assert pools(runs) == [[first, order, seed], [alpha], [other]]


def test_settings_that_a_method_does_not_read_keep_no_runs_apart():
    def average(name: str, tasks: list[str], **other: Any) -> Run:  # as version 0.1.0 stored it
        return made_run(name, MergeConfig.parse({"tasks": tasks, "method": "average", **other}))

    runs = [average("1", ["a", "b"], alpha=0.1), average("2", ["b", "a"], alpha=0.9, steps=7)]
    assert pools(runs) == [runs]
    assert differences({"A": runs[0].config, "B": average("3", ["a", "b"], preset="paper").config}) == {
        "A": {},
        "B": {},
    }


def test_a_library_that_changed_keeps_runs_apart():
    runs = [run("1", library_hash="x"), run("2", "b a", library_hash="y")]
    assert pools(runs) == [[runs[0]], [runs[1]]]
    assert mismatches(runs) == ["The library minizoo changed between them."]


def test_the_leaderboard_has_means_and_sample_deviations_and_median_times():
    runs = [run("1", acc=50.0), run("2", "b a", acc=53.0), run("3", seed=1, acc=59.0), run("4", alpha=0.1, acc=70.0)]
    rows, groups = leaderboard(pools(runs), names(runs))
    table = {name: [row[name] for row in rows] for name in rows[0]}
    assert groups == [[runs[3]], runs[:3]]
    assert table["setting"] == ["α = 0.1", "α = 0.8"]
    assert table["name"] == ["D", "A, B, C"]
    assert table["n"] == [1, 3]
    assert table["acc"] == [70.0, 54.0]
    assert table["acc_std"][1] == pytest.approx(21**0.5)  # √((16 + 1 + 25) / 2)
    assert table["acc_std"][0] is None
    assert table["seconds"] == [30.0, 47.0]  # of 50, 47 and 41 s the median
    assert table["seconds_std"] == [None, None]
    assert table["memory_gib"] == [2.0, 2.0]
    assert table["plasticity"] == [None, None]


def test_the_best_is_high_for_quality_and_low_for_cost():
    runs = [run("1", acc=50.0), run("2", "b a", acc=60.0)]
    marks = best_marks(leaderboard([[each] for each in runs], names(runs))[0])
    assert marks["acc"] == [True, False]
    assert marks["seconds"] == [True, False]  # 40 s against 50 s
    assert marks["stability"] == marks["memory_gib"] == marks["plasticity"] == [False, False]


def test_only_settings_that_differ_are_shown_and_the_odd_one_is_marked():
    runs = {"A": run("1").config, "B": run("2").config, "C": run("3", iterations=7).config}
    table = differences(runs)
    assert table == {"A": {"iterations": 56}, "B": {"iterations": 56}, "C": {"iterations": 7}}
    assert unusual_marks(list(table.values())) == {"iterations": [False, False, True]}


def test_what_is_not_like_for_like_is_said():
    assert mismatches([run("1"), run("2", "b a")]) == []
    reasons = mismatches([run("1"), run("2", "a c", labels="labelled heads (25%)"), run("3", library="/other")])
    assert len(reasons) == 3
    assert "different sets of tasks" in reasons[0]
    assert "labelled heads (25%), unlabelled images" in reasons[1]


def test_runs_of_the_commonest_tasks_are_taken_first():
    runs = [run("1", "x y"), run("2"), run("3", "b a"), run("4")]
    assert runs_of_commonest_tasks(runs, 2) == runs[1:3]
    elsewhere = [run("5", library="/other"), *runs[1:3]]
    assert runs_of_commonest_tasks(elsewhere, 3) == runs[1:3]  # tasks of one name are other tasks elsewhere


def test_runs_are_put_together_by_their_library():
    runs = [run("1", library="/other"), run("2"), run("3", "b a", library="/other")]
    assert by_library(runs) == [[runs[0], runs[2]], [runs[1]]]


def test_answers_that_are_scored_differently_are_not_like_for_like():
    runs = [run("1", scoring="likelihood"), run("2", scoring="generation")]
    texts = [
        replace(each, record=each.record and each.record.model_copy(update={"scoring": each.config.scoring}))
        for each in runs
    ]
    assert [reason for reason in mismatches(texts) if "scored by generation and by likelihood" in reason]
    assert not mismatches(texts[:1])


def test_the_mean_is_over_the_tasks_merged():
    assert means_so_far([[30, 20], [80, 25], [60, 90]]) == [80, 75]
