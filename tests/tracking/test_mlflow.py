"""Runs for MLflow, in a local store of files, read back by its client."""

from __future__ import annotations

import csv
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from otmf_core.errors import InputError
from otmf_core.tracking.mlflow import USUAL
from tests.tiny import TASKS, is_one_sentence, merge_config
from tests.tracking.expected import Series, at_iteration, check, engine, resumed, stopped, stopped_and_resumed, tracked

pytest.importorskip("mlflow", reason="mlflow is not installed")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No store and no habit of the one who runs the tests; what is set in them is unset."""
    for name in (*USUAL, "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"a network was reached for: {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def store(out: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient((out / "mlflow").as_uri())


def only_run(out: Path) -> Any:
    client = store(out)
    [experiment] = [each for each in client.search_experiments() if each.name == "OTMF"]
    [run] = client.search_runs([experiment.experiment_id])
    return run


def scalars(out: Path) -> Series:
    client, run = store(out), only_run(out)
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {name: [(each.step, each.value) for each in history] for name, history in histories.items()}


def artifacts(out: Path) -> Path:
    return Path(only_run(out).info.artifact_uri.removeprefix("file://"))


def test_a_run_has_its_scalars_settings_matrix_and_card(tiny: Path, tmp_path: Path):
    run = tracked(merge_config(tiny), tmp_path, "mlflow")
    check(scalars(tmp_path), run)
    found = only_run(tmp_path)
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.params["alpha"] == "0.8"
    assert json.loads(found.data.params["tasks"]) == list(TASKS)
    assert json.loads((artifacts(tmp_path) / "settings.json").read_text())["iterations"] == 4
    with (artifacts(tmp_path) / "accuracy_matrix.csv").open() as file:
        head, *rows = csv.reader(file)
    assert head == ["step", *TASKS]
    matrix = json.loads((run / "record.json").read_text())["matrix"]
    assert [[float(cell) if cell else None for cell in row[1:]] for row in rows] == matrix
    with Image.open(artifacts(tmp_path) / "accuracy_matrix.png") as picture:
        assert picture.width > 100
    assert "# Tiny, 3 tasks merged" in (artifacts(tmp_path) / "model_card.md").read_text()


def test_a_resumed_run_is_one_run_and_has_nothing_twice(tiny: Path, tmp_path: Path):
    run = stopped_and_resumed(merge_config(tiny), tmp_path, at_iteration(3, 1), "mlflow")
    check(scalars(tmp_path), run)
    assert only_run(tmp_path).info.status == "FINISHED"


def test_a_stopped_run_says_so(tiny: Path, tmp_path: Path):
    stopped(merge_config(tiny), tmp_path, at_iteration(2, 1), "mlflow")
    assert only_run(tmp_path).info.status == "KILLED"


def test_a_run_that_the_store_does_not_have_is_begun_again(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stopped(merge_config(tiny), tmp_path, at_iteration(3, 1), "mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "other/mlflow").as_uri())
    run = resumed(tmp_path, "mlflow")
    found = scalars(tmp_path / "other")
    found["seconds/iteration"] = [(at, 0.0) for at in range(1, 9)]  # which no file has of those before
    check(found, run)


def test_names_and_values_that_no_store_takes_are_made_to_fit(own_tiny: Path, tmp_path: Path):
    from otmf_core.tracking.base import Opening, Points
    from otmf_core.tracking.mlflow import open_tracker

    opening = Opening("run", tmp_path / "mlflow", {"library": "a/" * 4000, **{f"x{i}": i for i in range(250)}})
    tracker = open_tracker(opening)
    tracker.write([Points("step", 0, {"accuracy/<b>ü(1)": 1.0, **{f"many/{i}": 1.0 for i in range(1500)}})])
    tracker.close("failed")
    found = only_run(tmp_path)
    assert len(found.data.params) == 251
    assert found.data.metrics["accuracy/_b_ü_1_"] == 1.0
    assert found.info.status == "FAILED"


def test_a_server_that_does_not_answer_is_said_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()  # of the refused network: this one is refused by the system
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    began = time.monotonic()
    with pytest.raises(InputError, match=r"^tracking by mlflow needs its store to answer: ") as caught:
        engine(tmp_path, ["mlflow"])
    assert is_one_sentence(str(caught.value)) and "secret" not in str(caught.value)
    assert time.monotonic() - began < 30
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
