"""A run whose files contradict each other is damaged, and says which."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import write_json
from otmf_core.runs.folder import create_run, load_run, set_status
from tests.made_runs import end_of, record_of
from tests.tiny import is_one_sentence

CONFIG = MergeConfig.build(tasks=("a", "b"), alpha=0.7)


@pytest.fixture
def done(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    create_run(path, CONFIG)
    write_json(path / "progress.json", end_of(CONFIG).model_dump(mode="json"))
    write_json(path / "record.json", record_of(CONFIG).model_dump(mode="json"))
    set_status(path, "done")
    return path


def test_a_run_as_it_was_made_agrees(done: Path):
    record = load_run(done).record
    assert record and record.acc == 80.0


@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("record", {"acc": 99.9}, "acc is 99.90, by its own matrix 80.00"),
        ("record", {"bwt": 5.0}, "bwt is 5.00, by its own matrix 0.00"),
        ("record", {"forgetting": [1.0]}, "forgetting is (1.0,), by its own matrix [0.0]"),
        ("record", {"stability": None}, "stability is None, by its own matrix 100.00"),
        ("record", {"labels": "none"}, "labels is 'none', which was 'unlabelled images'"),
        ("record", {"calibration_split": "none"}, "calibration_split is 'none', which was 'train'"),
        ("record", {"memory_per_task": 0}, "memory_per_task is 0, which was 256"),
        ("record", {"method": "average"}, "method is 'average', which was 'otmf'"),
        ("record", {"alpha": 0.9}, "alpha is 0.90, which was 0.70"),
        ("record", {"settings": {"alpha": 1e308}}, "alpha is 1e+308, which was 0.70"),
        ("record", {"seed": 1}, "seed is 1, which was 0"),
        ("record", {"preset": "paper"}, "preset is 'paper', which was 'default'"),
        ("record", {"zero_shot": [1.0, 2.0]}, "zero_shot is (1.0, 2.0), which was (30.0, 30.0)"),
        ("record", {"tasks": ["b", "a"]}, "figures of other tasks"),
        ("record", {"matrix": []}, "an accuracy matrix of another shape than its 2 tasks"),
        ("record", {"matrix": [[None, None]] * 3, "zero_shot": [None, None]}, "is needed and was not evaluated"),
        ("record", {"individual": [90.0]}, "accuracies of 1 experts of 2 tasks"),
        ("record", {"test_images": [5]}, "1 test_images of 2 tasks"),
        ("record", {"step_seconds": [5.0] * 3}, "3 step_seconds of 2 tasks"),
        ("progress", {"tasks": ["a"]}, "figures of other tasks"),
        ("progress", {"step": 3}, "3 rows of accuracies after step 3 of 2"),
        ("progress", {"step": 1}, "3 rows of accuracies after step 1 of 2"),
        ("progress", {"matrix": [[1.0]] * 3}, "an accuracy matrix of another shape than its 2 tasks"),
        ("progress", {"individual": []}, "accuracies of 0 experts after step 2"),
    ],
)
def test_files_that_contradict_each_other_are_told(file: str, values: dict, reason: str, done: Path):
    path = done / f"{file}.json"
    write_json(path, {**json.loads(path.read_text()), **values})
    with pytest.raises(InputError) as caught:
        load_run(done)
    assert str(caught.value).startswith("the files of a run must agree with each other: ")
    assert reason in str(caught.value) and str(done) in str(caught.value)
    assert is_one_sentence(str(caught.value))


def test_a_run_from_before_a_setting_came_agrees_in_those_that_it_names(done: Path):
    path = done / "record.json"
    fields = json.loads(path.read_text())
    write_json(path, {**fields, "settings": {k: v for k, v in fields["settings"].items() if k != "projections"}})
    assert load_run(done).record
    write_json(path, {**fields, "settings": {**fields["settings"], "iterations": 5}})
    with pytest.raises(InputError, match="iterations is 5, which was 56"):
        load_run(done)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"acc": 1e6}, "acc"),
        ({"acc": 10**300}, "acc"),
        ({"acc": -105.0}, "acc"),
        ({"matrix": [[30.0, 30.0], [101.0, 30.0], [80.0, 80.0]]}, "matrix.1.0"),
        ({"individual": [1e308, 90.0]}, "individual.0"),
        ({"seconds": -1.0}, "seconds"),
        ({"peak_memory_bytes": 10**400}, "peak_memory_bytes"),
        ({"peak_memory_bytes": -1}, "peak_memory_bytes"),
        ({"device": "cpu\nlabels: none"}, "device"),
        ({"labels": "x" * 301}, "labels"),
        ({"versions": {"a\u202eb": "1"}}, "versions"),
    ],
)
def test_figures_out_of_their_range_are_refused(values: dict, field: str, done: Path):
    path = done / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(InputError, match=f"^a run's record.json has the fields of this version: {field}"):
        load_run(done)
