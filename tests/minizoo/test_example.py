"""The example run: made on a tiny library, and the one that comes along as pages need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.analysis.features import stored
from otmf_core.analysis.projection import PARAMETERS, projection_file
from otmf_core.analysis.sweeps import SweepRun, members
from otmf_core.library.library import open_library
from otmf_core.masks.reading import mask_steps
from otmf_core.minizoo import example
from otmf_core.runs.folder import Run, list_runs, load_run
from tests.tiny import TASKS


def check(runs: list[Run], damaged: list) -> None:
    """It is whole, with features and projections; beside it are the figures of other values of α."""
    assert not damaged
    whole = next(run for run in runs if run.id == example.NAME)
    tasks = whole.config.tasks
    library = open_library(whole.config.library)
    assert {run.state.library for run in runs} == {library.manifest_hash}, "made with another state of the library"
    assert mask_steps(whole.path) == list(range(2, len(tasks) + 1))
    assert stored(whole.path, len(tasks)) is not None
    assert all(projection_file(whole.path, tasks, task, name).is_file() for task in tasks for name in ("tsne", "pca"))
    sweep = members(whole.config, [SweepRun(run.id, run.status, run.config) for run in runs])
    assert list(sweep) == sorted([*example.ALPHAS, 0.8])
    for run in runs:
        names = {path.name for path in run.path.iterdir()}
        assert names <= {"config.json", "status.json", "progress.json", "record.json"} or run.id == example.NAME
        assert not {"owner.json", "owner.lock"} & names


def test_an_example_is_made_whole(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(example, "TASKS", TASKS)
    settings = {"tasks": TASKS, "library": str(tiny), "masks": "row", "iterations": 2, "batch": 2, "device": "cpu"}
    monkeypatch.setattr(example, "SETTINGS", settings)
    monkeypatch.setattr(example, "ALPHAS", (0.5,))
    assert example.make_example(tmp_path) == tmp_path / example.NAME
    check(*list_runs(tmp_path))


def test_the_one_that_comes_along_is_whole_small_and_as_it_is_made():
    check(*list_runs(example.OUT))
    size = sum(path.stat().st_size for path in example.OUT.rglob("*") if path.is_file())
    assert size < 8_000_000
    config = load_run(example.OUT / example.NAME).config.flat()
    assert {name: config[name] for name in example.SETTINGS if name != "tasks"} == {
        name: value for name, value in example.SETTINGS.items() if name != "tasks"
    }
    assert tuple(config["tasks"]) == example.TASKS
    assert "umap" in PARAMETERS, "the one projection that is not made beforehand"
