"""What a run's state and record may hold, read strictly: a sentence names the file and the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import write_json
from otmf_core.runs.folder import create_run, load_run, set_status
from otmf_core.runs.record import RunRecord, make_record
from otmf_core.runs.state import RunState
from tests.golden_runs import DONE, GOLDEN
from tests.tiny import is_one_sentence

CONFIG = MergeConfig.build(tasks=("a", "b"), alpha=0.7, seed=4)
STATE = RunState(
    tasks=("a", "b"), library="0" * 64, step=2, matrix=((10.0, 20.0), (80.0, 25.0), (70.0, 90.0)),
    individual=(85.0, 95.0), test_images=(5, 6), step_seconds=(1.5, 2.5), seconds=5.0, peak_memory_bytes=7,
    device="cpu",
)  # fmt: skip
RECORD = make_record("run", "done", CONFIG, STATE, "2026-01-02T00:00:00.000+00:00", {"torch": "2"})
NUMBER, WHOLE, TEXT, LIST = (f"Input should be a valid {kind}" for kind in ("number", "integer", "string", "tuple"))
FINITE = "Input should be a finite number"


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """The folder of a finished run."""
    path = tmp_path / "run"
    create_run(path, CONFIG)
    write_json(path / "progress.json", STATE.model_dump(mode="json"))
    write_json(path / "record.json", RECORD.model_dump(mode="json"))
    set_status(path, "done")
    return path


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_state_and_record_come_back_as_they_were_written(done: Path):
    run = load_run(done)
    assert run.state == STATE
    assert run.record == RECORD
    assert (run.matrix, run.individual) == (STATE.matrix, STATE.individual)


def test_the_record_of_a_finished_run_by_hand():
    assert RECORD.model_dump() == {
        "run": "run", "status": "done", "library": "minizoo", "method": "otmf", "settings": CONFIG.method.settings(),
        "alpha": 0.7, "preset": "default", "tasks": ("a", "b"), "heads": "none", "acc": 80.0, "bwt": -10.0, "fwt": 5.0,
        "forgetting": (10.0,), "stability": 87.5, "plasticity": pytest.approx(50 * (80 / 85 + 90 / 95)),
        "normalised_acc": pytest.approx(50 * (70 / 85 + 90 / 95)), "matrix": STATE.matrix,
        "individual": (85.0, 95.0), "zero_shot": (10.0, 20.0), "held_out": {}, "labels": "unlabelled images",
        "scoring": "", "calibration_split": "train", "memory_per_task": 256, "test_images": (5, 6), "growth": None,
        "seed": 4, "device": "cpu", "seconds": 5.0, "step_seconds": (1.5, 2.5), "peak_memory_bytes": 7,
        "created": "2026-01-02T00:00:00.000+00:00", "versions": {"torch": "2"},
    }  # fmt: skip


def test_a_record_has_no_metrics_before_the_run_is_done():
    record = make_record("run", "stopped", CONFIG, STATE, "", {})
    metrics = ("acc", "bwt", "fwt", "forgetting", "stability", "plasticity", "normalised_acc")
    assert [getattr(record, metric) for metric in metrics] == [None] * 7
    assert (record.matrix, record.seconds) == (STATE.matrix, 5.0)


@pytest.mark.parametrize(
    ("values", "field", "reason"),
    [
        ({"seconds": "5"}, "seconds", NUMBER),
        ({"seconds": None}, "seconds", NUMBER),
        ({"seconds": True}, "seconds", NUMBER),
        ({"seconds": float("nan")}, "seconds", FINITE),
        ({"unfinished_seconds": float("inf")}, "unfinished_seconds", FINITE),
        ({"step": 2.0}, "step", WHOLE),
        ({"step": "2"}, "step", WHOLE),
        ({"step": True}, "step", WHOLE),
        ({"tasks": "ab"}, "tasks", LIST),
        ({"tasks": [1, 2]}, "tasks.0", TEXT),
        ({"library": 3}, "library", TEXT),
        ({"matrix": 3}, "matrix", LIST),
        ({"matrix": [3]}, "matrix.0", LIST),
        ({"matrix": [[1.0, "2"]]}, "matrix.0.1", NUMBER),
        ({"matrix": [[1.0, None], [float("-inf"), 1.0]]}, "matrix.1.0", FINITE),
        ({"individual": [None]}, "individual.0", NUMBER),
        ({"test_images": [1.5]}, "test_images.0", WHOLE),
        ({"step_seconds": {"1": 2.0}}, "step_seconds", LIST),
        ({"peak_memory_bytes": 1e9}, "peak_memory_bytes", WHOLE),
        ({"device": ["cpu"]}, "device", TEXT),
        ({"zeal": 1}, "zeal", "Extra inputs are not permitted"),
    ],
)
def test_a_state_of_other_types_is_refused(values: dict, field: str, reason: str, done: Path):
    file = done / "progress.json"
    change(file, **values)
    with pytest.raises(InputError) as caught:
        load_run(done)
    assert str(caught.value) == f"a run's progress.json has the fields of this version: {field} ({reason}) in {file}"
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("values", "field", "reason"),
    [
        ({"acc": "high"}, "acc", NUMBER),
        ({"acc": True}, "acc", NUMBER),
        ({"bwt": float("inf")}, "bwt", FINITE),
        ({"forgetting": 3.0}, "forgetting", LIST),
        ({"forgetting": [None]}, "forgetting.0", NUMBER),
        ({"tasks": [["a"]]}, "tasks.0", TEXT),
        ({"matrix": None}, "matrix", LIST),
        ({"individual": ["90"]}, "individual.0", NUMBER),
        ({"labels": None}, "labels", TEXT),
        ({"memory_per_task": "5"}, "memory_per_task", WHOLE),
        ({"settings": [1]}, "settings", "Input should be a valid dictionary"),
        ({"alpha": "0.8"}, "alpha", NUMBER),
        ({"versions": {"torch": 2}}, "versions.torch", TEXT),
        ({"created": 3}, "created", TEXT),
        ({"seconds": None}, "seconds", NUMBER),
    ],
)
def test_a_record_of_other_types_is_refused(values: dict, field: str, reason: str, done: Path):
    file = done / "record.json"
    change(file, **values)
    with pytest.raises(InputError) as caught:
        load_run(done)
    assert str(caught.value) == f"a run's record.json has the fields of this version: {field} ({reason}) in {file}"


@pytest.mark.parametrize(
    "field", ["tasks", "matrix", "individual", "labels", "calibration_split", "memory_per_task", "seconds"]
)
def test_a_record_without_a_field_it_needs_is_refused(field: str, done: Path):
    file = done / "record.json"
    write_json(file, {name: value for name, value in json.loads(file.read_text()).items() if name != field})
    with pytest.raises(InputError) as caught:
        load_run(done)
    assert (
        str(caught.value) == f"a run's record.json has the fields of this version: {field} (Field required) in {file}"
    )


@pytest.mark.parametrize("metric", ["acc", "bwt", "fwt", "forgetting"])
@pytest.mark.parametrize("missing", [False, True], ids=["null", "missing"])
def test_a_finished_run_without_a_metric_is_refused(metric: str, missing: bool, done: Path):
    file = done / "record.json"
    fields = {**json.loads(file.read_text()), metric: None}
    write_json(file, {name: value for name, value in fields.items() if not (missing and name == metric)})
    with pytest.raises(InputError) as caught:
        load_run(done)
    assert str(caught.value) == f"a finished run's record has its metrics: {metric} is missing in {file}"
    set_status(done, "stopped")
    assert load_run(done).record is None  # of a run that is not done nothing is read of it


def test_a_share_of_nothing_is_null_and_a_finished_run_all_the_same(done: Path):
    matrix = [[10.0, 20.0], [0.0, 25.0], [70.0, 90.0]]
    values = {"matrix": matrix, "individual": [0.0, 95.0], "bwt": 70.0, "forgetting": [-70.0]}
    change(done / "record.json", **values, stability=None, plasticity=None, normalised_acc=None)
    record = load_run(done).record
    assert record is not None
    assert (record.stability, record.acc) == (None, 80.0)


def test_whole_numbers_are_percentages_too(done: Path):
    change(done / "progress.json", step=0, matrix=[[10, 20]], individual=[], seconds=3)
    assert load_run(done).state.matrix == ((10.0, 20.0),)


@pytest.mark.parametrize("run", DONE)
def test_a_record_of_version_0_1_0_is_read(run: str):
    fields = json.loads((GOLDEN / "format-1/runs" / run / "record.json").read_text())
    record = RunRecord(**fields)
    again = record.model_dump(mode="json")
    assert {name: again[name] for name in fields if name in again} == {n: v for n, v in fields.items() if n in again}
    assert set(fields) - set(again) == {"scaling", "steps"}
    assert record.settings == {}
