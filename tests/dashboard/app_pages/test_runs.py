"""The Runs page: empty, full, by link, and with folders that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from otmf_core.config import MergeConfig
from otmf_core.jobs.queue import JobQueue
from otmf_core.runs.folder import load_run, set_status
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import drained, metrics, opener, press, settle, texts
from tests.made_runs import measure_again

open_runs = opener("runs")


def test_without_runs_the_page_shows_the_way(app: AppTest):
    open_runs(app)
    assert "No runs yet" in texts(app)
    assert app.page_link[0].value == "Start a merge"


def test_runs_stand_newest_first_with_their_metrics(finished: list[str], app: AppTest):
    table = open_runs(app).dataframe[0].value
    assert list(table["run"]) == finished[::-1]
    assert list(table["method"]) == ["OTMF", "Average", "OTMF"]
    assert list(table["acc"]) == [79.0] * 3
    assert table["setting"].tolist()[::2] == ["α = 0.5", "α = 0.8"]
    assert finished[-1] in texts(app)  # the newest is open
    assert metrics(app)["ACC"] == "79.0%"


def test_growth_is_told_where_a_listed_run_has_it(
    finished: list[str], engine: FakeEngine, app: AppTest, tmp_path: Path
):
    assert not {"added_parameters", "encode_ms"} & set(open_runs(app).dataframe[0].value)
    queue = JobQueue(tmp_path / "runs", engine)
    run = queue.submit(MergeConfig.build(tasks=("red", "green"), library="colours", method="mingle"))
    drained(queue)
    growth = {"parameters": [939_040, 6_223_120], "encode_ms": [4.712, 20.236]}
    for file in ("progress.json", "record.json"):
        path = tmp_path / "runs" / run / file
        path.write_text(json.dumps({**json.loads(path.read_text()), "growth": growth}))
    table = open_runs(app).dataframe[0].value
    assert table["run"].tolist() == [run, *finished[::-1]]
    assert table["added_parameters"].fillna(0).tolist() == [5_284_080, 0, 0, 0]
    assert table["encode_ms"].fillna(0).tolist() == [20.24, 0, 0, 0]


def test_a_link_opens_its_run(finished: list[str], app: AppTest):
    open_runs(app, run=finished[0])
    assert finished[0] in texts(app)
    assert json.loads(app.json[0].value)["alpha"] == 0.8
    assert len(app.get("plotly_chart")) == 4


def test_a_run_without_losses_has_no_loss_chart(finished: list[str], app: AppTest):
    open_runs(app, run=finished[1])
    assert len(app.get("plotly_chart")) == 2


def test_an_interrupted_run_is_resumed_in_place(finished: list[str], app: AppTest, tmp_path: Path):
    folder = tmp_path / "runs" / finished[0]
    (folder / "record.json").unlink()
    (folder / "resume/step-01").mkdir(parents=True)
    (folder / "merged.safetensors").rename(folder / "resume/step-01/merged.safetensors")
    progress = json.loads((folder / "progress.json").read_text())
    progress |= {"step": 1, "matrix": progress["matrix"][:2], "individual": progress["individual"][:1]}
    (folder / "progress.json").write_text(json.dumps(progress))
    set_status(folder, "running")  # and no process owns it
    open_runs(app, run=finished[0])
    assert "The program ended while this run was merging" in app.warning[0].value
    press(app, "runs-resume")
    settle(tmp_path, finished[0], "done")
    assert metrics(app.run())["ACC"] == "79.0%"


def test_folders_that_cannot_be_read_are_told_and_the_rest_is_shown(finished: list[str], app: AppTest, tmp_path: Path):
    def folder(name: str, **files: object) -> None:
        (tmp_path / "runs" / name).mkdir()
        for file, content in files.items():
            (tmp_path / "runs" / name / f"{file}.json").write_text(json.dumps(content))

    folder("newer", status={"format": 99, "status": "done"})
    folder("strange", status={"format": 1, "status": "stopped"}, config={"tasks": ["red", "green"], "warp": 9})
    folder("halved", status={"format": 1, "status": "done"}, config={"tasks": ["red", "green"]})
    (tmp_path / "runs" / "halved" / "record.json").write_text('{"acc": 7')
    (tmp_path / "runs" / "newer" / "config.json").write_text("{}")
    folder("adrift", status={"format": 1, "status": "adrift"}, config={"tasks": ["red", "green"]})
    table = open_runs(app).dataframe[0].value
    assert list(table["run"]) == finished[::-1]
    (box,) = app.warning
    assert box.value.count("\n") == 3
    assert "newer has 99: update the program" in box.value
    assert "strange" in box.value and "halved" in box.value
    assert app.selectbox(key="runs-damaged").options == ["adrift", "halved", "newer", "strange"]
    app.selectbox(key="runs-damaged").set_value("newer").run()
    press(app, "runs-delete-damaged")
    press(app, "runs-keep-damaged")
    assert (tmp_path / "runs/newer").is_dir()
    press(app, "runs-delete-damaged")
    press(app, "runs-delete-damaged-now")
    assert not (tmp_path / "runs/newer").exists()
    assert app.selectbox(key="runs-damaged").options == ["adrift", "halved", "strange"]
    assert list(app.dataframe[0].value["run"]) == finished[::-1]


def test_a_run_that_is_damaged_inside_is_one_sentence(finished: list[str], app: AppTest, tmp_path: Path):
    (tmp_path / "runs" / finished[0] / "steps/02/curves.parquet").write_text("no table")
    open_runs(app, run=finished[0])
    assert len(app.error) == 1
    assert "curves.parquet" in app.error[0].value


def test_a_link_to_a_run_of_a_newer_version_is_one_sentence(finished: list[str], app: AppTest, tmp_path: Path):
    status = tmp_path / "runs" / finished[0] / "status.json"
    status.write_text(json.dumps({"format": 99, "status": "done"}))
    open_runs(app, run=finished[0])
    assert f"{finished[0]} has 99: update the program." in app.error[0].value


def test_a_run_whose_library_is_gone_keeps_its_charts(
    finished: list[str], app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    st.cache_data.clear()
    monkeypatch.setattr("otmf_core.library.library.ASSETS", tmp_path / "elsewhere")
    open_runs(app, run=finished[0])
    assert metrics(app)["ACC"] == "79.0%"
    assert len(app.get("plotly_chart")) == 4


@pytest.mark.parametrize("run", ["20260101-000000-otmf-0000", "../../etc"])
def test_a_link_to_no_run_is_one_sentence(finished: list[str], app: AppTest, run: str):
    open_runs(app, run=run)
    assert len(app.error) == 1
    assert list(app.dataframe[0].value["run"]) == finished[::-1]


def test_a_finished_run_is_read_again_when_its_files_change(finished: list[str], app: AppTest, tmp_path: Path):
    open_runs(app, run=finished[0])
    before = metrics(app)["ACC"]
    folder = tmp_path / "runs" / finished[0]
    measure_again(folder, (12.34,) * len(load_run(folder).config.tasks))
    assert metrics(app.run())["ACC"] == "12.3%" != before
