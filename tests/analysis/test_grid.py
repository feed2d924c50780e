"""A grid of merges: its rows, its orders, and what it finds of itself in a runs folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otmf_core.analysis.grid import content, entries, grid, order_seeds, plan
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.methods.table import METHODS
from otmf_core.runs.folder import Run, Status
from otmf_core.runs.state import RunState

ORDERS = [("a", "b"), ("b", "a")]


def run_of(config: MergeConfig, status: Status = "done", library: str = "hash", name: str = "run") -> Run:
    return Run(name, Path(name), status, "", "", config, RunState(library=library), None)


def test_all_is_every_method_with_each_of_its_presets():
    names = [entry.name for entry in entries("all")]
    assert names[: len(METHODS)] == list(METHODS)
    assert "otmf@paper" in names
    assert len(names) == len(set(names)) == sum(1 + len(method.presets) for method in METHODS.values())


def test_a_method_is_named_alone_or_with_a_preset():
    assert [dict(entry.settings) for entry in entries("average, otmf@paper,average")] == [
        {"method": "average"},
        {"method": "otmf", "preset": "paper"},
    ]
    with pytest.raises(InputError, match=r"a method to compare is one of all, otmf, .*received 'average@paper'"):
        entries("otmf,average@paper")


def test_a_grid_goes_order_by_order():
    configs = grid(entries("average,otmf@paper"), ORDERS, {"seed": 3})
    assert [(config.tasks, config.method.name, config.preset) for config in configs] == [
        (tasks, *row) for tasks in ORDERS for row in (("average", "default"), ("otmf", "paper"))
    ]
    assert {config.seed for config in configs} == {3}


def test_a_run_counts_where_nothing_that_a_merge_reads_differs():
    configs = grid(entries("average,task-arithmetic"), ORDERS, {})
    first, second, third, fourth = configs
    saved_otherwise = first.model_copy(update={"checkpoint_seconds": 99.0, "head_lr": 0.5})
    runs = [
        run_of(saved_otherwise, name="done"),
        run_of(first, name="older"),
        run_of(first, "stopped", name="again"),
        run_of(second, "failed", name="failed"),
        run_of(third, "running", name="elsewhere"),
        run_of(fourth.model_copy(update={"seed": 1}), name="other seed"),
        run_of(fourth, library="changed", name="other library"),
    ]
    found = plan(configs, runs, "hash")
    assert {key: run.id for key, run in found.done.items()} == {content(first): "done"}
    assert {key: run.id for key, run in found.resume.items()} == {content(second): "failed"}
    assert found.missing == (fourth,)


def test_a_run_that_is_under_way_is_not_begun_again_although_an_older_one_was_stopped():
    (config,) = grid(entries("average"), ORDERS[:1], {})
    found = plan([config], [run_of(config, "running"), run_of(config, "stopped", name="older")], "hash")
    assert (found.done, found.resume, found.missing) == ({}, {}, ())


def test_of_a_method_with_presets_the_preset_tells_runs_apart():
    default, paper = grid(entries("otmf,otmf@paper"), ORDERS[:1], {})
    same = replace(run_of(paper), config=paper.model_copy(update={"preset": "default"}))
    assert plan([default, paper], [same], "hash").missing == (default, paper)


@pytest.mark.parametrize(
    ("text", "seeds"), [("42-44", [42, 43, 44]), ("7", [7]), ("40, 42-43,40", [40, 42, 43]), ("0-99", list(range(100)))]
)
def test_orders_are_seeds(text: str, seeds: list[int]):
    assert order_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "-1", "1.5", "0-100", "0-999999999999", "²"])
def test_other_orders_are_refused(text: str):
    with pytest.raises(InputError, match="orders"):
        order_seeds(text)
