"""The Runs page's tools: name, note, delete, take along, import and export, each by its traces in the runs folder."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.runs.transfer import zipped
from dashboard.runs import changes
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.export.layouts import LAYOUTS
from otmf_core.jobs.queue import JobQueue, job_queue
from otmf_core.layout import EXPORTS
from otmf_core.runs.folder import load_run, set_notes
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import opener, press, settle, texts
from tests.tiny import contents

open_runs = opener("runs")


def table(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["run"])


def labels(app: AppTest) -> list[str]:
    """Of the buttons that download something."""
    buttons: Any = app.get("download_button")
    return [button.label for button in buttons]


def zip_of(folder: Path) -> bytes:
    with zipped(folder, folder.name) as file:
        file.seek(0)
        return file.read() or b""


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].upload(name, content, "application/zip")
    app.run()
    assert not app.exception
    return app


# --- name and note ---------------------------------------------------------------------------------------------------


def test_a_name_stands_in_the_table_and_the_folder_keeps_its_id(finished: list[str], app: AppTest, tmp_path: Path):
    open_runs(app, run=finished[0])
    assert "name" not in app.dataframe[0].value
    app.text_input(key=f"name-{finished[0]}").input("  The first ").run()
    assert not app.exception
    assert list(app.dataframe[0].value["name"]) == ["", "", "The first"]
    assert table(app) == finished[::-1]
    assert load_run(tmp_path / "runs" / finished[0]).name == "The first"
    app.switch_page("app_pages/accuracy/page.py").run()
    assert [label.split(" · ")[0] for label in app.selectbox[0].options] == ["OTMF", "Average", "The first"]


def test_a_note_is_saved_beside_the_name_and_shown_again(finished: list[str], app: AppTest, tmp_path: Path):
    folder = tmp_path / "runs" / finished[1]
    open_runs(app, run=finished[1])
    set_notes(folder, "by another tab", "")
    app.text_area(key=f"note-{finished[1]}").input("α too high?\nTry 0.6.").run()
    assert json.loads((folder / "notes.json").read_text()) == {
        "name": "by another tab",
        "note": "α too high?\nTry 0.6.",
    }
    app.query_params["run"] = finished[0]
    app.run()
    assert app.text_area[0].value == ""
    app.query_params["run"] = finished[1]
    app.run()
    assert app.text_area[0].value == "α too high?\nTry 0.6."
    assert app.text_input[0].value == "by another tab"


def test_a_note_to_a_run_that_is_gone_is_refused(finished: list[str], app: AppTest, tmp_path: Path):
    open_runs(app, run=finished[0])
    shutil.rmtree(tmp_path / "runs" / finished[0])
    app.text_area(key=f"note-{finished[0]}").input("too late").run()
    assert not app.exception
    assert any("a status.json" in error.value for error in app.error)
    assert not (tmp_path / "runs" / finished[0]).exists()


# --- delete ----------------------------------------------------------------------------------------------------------


def test_a_deletion_is_confirmed_and_shows_the_next_run(finished: list[str], app: AppTest, tmp_path: Path):
    oldest, middle, newest = finished
    open_runs(app, run=middle)
    before = {run: contents(tmp_path / "runs" / run) for run in finished}
    press(app, "runs-delete")
    files, size = len(before[middle]), sum(map(len, before[middle].values()))
    assert f"({files} files, {size / 1e6:,.1f} MB) are deleted for good" in texts(app)
    assert {run: contents(tmp_path / "runs" / run) for run in finished} == before  # nothing yet
    press(app, "runs-delete-now")
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {oldest, newest}
    assert {run: contents(tmp_path / "runs" / run) for run in (oldest, newest)} == {
        run: before[run] for run in (oldest, newest)
    }
    assert table(app) == [newest, oldest]
    assert app.query_params["run"] == oldest  # the next in the table
    press(app, "runs-delete")
    press(app, "runs-delete-now")
    assert app.query_params["run"] == newest  # there is none below: the one above
    press(app, "runs-delete")
    press(app, "runs-delete-now")
    assert "No runs yet" in texts(app)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_deletion_can_be_called_off(finished: list[str], app: AppTest):
    open_runs(app, run=finished[0])
    press(app, "runs-delete")
    press(app, "runs-keep")
    assert table(app) == finished[::-1]


def test_a_run_that_someone_took_up_meanwhile_is_not_deleted(finished: list[str], app: AppTest, tmp_path: Path):
    open_runs(app, run=finished[0])
    press(app, "runs-delete")
    claim = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    (tmp_path / "runs" / finished[0] / "owner.json").write_text(json.dumps(claim))
    press(app, "runs-delete-now")
    assert f"{finished[0]} is held by process {os.getpid()}, of which cannot be known" in app.error[0].value
    assert load_run(tmp_path / "runs" / finished[0]).status == "done"
    assert app.query_params["run"] == finished[0]
    assert app.button(key="runs-delete").disabled
    assert "once it has ended" in app.button(key="runs-delete").help


def test_a_running_and_a_queued_run_cannot_be_deleted(
    finished: list[str], app: AppTest, engine: FakeEngine, tmp_path: Path
):
    queue = job_queue(tmp_path / "runs")
    engine.pause = 0.05
    config = load_run(tmp_path / "runs" / finished[0]).config
    running = queue.submit(config.with_settings(iterations=2000))
    settle(tmp_path, running, "running")
    while not (tmp_path / "runs" / running / "owner.json").exists():
        pass
    open_runs(app, run=running)
    assert app.button(key="runs-delete").disabled
    with pytest.raises(InputError, match=f"^a run is deleted once it has ended: {running} is running$"):
        queue.delete(running)
    queue.stop(running)
    settle(tmp_path, running, "stopped")
    app.run()
    assert not app.button(key="runs-delete").disabled


def test_a_deleted_run_is_nowhere_shown_again(finished: list[str], app: AppTest, tmp_path: Path):
    app.query_params["run"] = finished[0]
    app.run()  # the Merge page shows it
    open_runs(app, run=finished[0])
    press(app, "runs-delete")
    press(app, "runs-delete-now")
    del app.query_params["run"]
    app.switch_page("app_pages/merge/page.py").run()
    assert not app.exception
    assert not app.error


# --- in and out ------------------------------------------------------------------------------------------------------


def test_a_run_is_taken_along_and_imported(finished: list[str], app: AppTest, tmp_path: Path):
    folder = tmp_path / "runs" / finished[0]
    content, before = zip_of(folder), contents(folder)
    shutil.rmtree(folder)
    open_runs(app)
    upload(app, f"{finished[0]}.zip", content)
    assert not app.error
    assert app.query_params["run"] == finished[0]
    assert table(app) == finished[::-1]
    assert contents(folder) == before


def test_a_first_run_may_be_an_import(finished: list[str], app: AppTest, tmp_path: Path):
    content = zip_of(tmp_path / "runs" / finished[0])
    shutil.rmtree(tmp_path / "runs")
    open_runs(app)
    assert "No runs yet" in texts(app)
    upload(app, "run.zip", content)
    assert table(app) == [finished[0]]


def test_an_import_that_is_refused_says_why_and_changes_nothing(finished: list[str], app: AppTest, tmp_path: Path):
    open_runs(app, run=finished[0])
    before = contents(tmp_path)
    bad = io.BytesIO()
    with zipfile.ZipFile(bad, "w") as file:
        file.writestr("../evil.json", "{}")
    for content, reason in (
        (bad.getvalue(), "of plain names: '../evil.json' is none."),
        (b"no zip", "received a damaged one"),
        (zip_of(tmp_path / "runs" / finished[0]), f"{finished[0]} is here already."),
    ):
        upload(app, "strange.zip", content)
        assert reason in app.error[0].value
        assert contents(tmp_path) == before
        assert app.query_params["run"] == finished[0]
    app.run()
    assert not app.error  # said once


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_model_is_exported_and_then_offered(
    layout: str, finished: list[str], app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def write(path: Path, layout: str) -> None:
        (path / EXPORTS[layout]).mkdir()
        (path / EXPORTS[layout] / "README.md").write_text("# card")

    monkeypatch.setattr(changes, "export_run", write)
    open_runs(app, run=finished[0])
    choice = app.selectbox(key="runs-layout")
    assert choice.options == ["open_clip", "Hugging Face", "Task vector", "LoRA"]
    assert choice.value == "open_clip"
    choice.select(layout).run()
    assert [caption.value for caption in app.caption].count(f"{LAYOUTS[layout].title}: {LAYOUTS[layout].about}") == 1
    assert labels(app).count("Download model") == 0
    press(app, "runs-export")
    assert (tmp_path / "runs" / finished[0] / EXPORTS[layout] / "README.md").is_file()
    assert labels(app).count("Download model") == 1
    for other in LAYOUTS:  # each is offered by itself
        app.selectbox(key="runs-layout").select(other).run()
        assert labels(app).count("Download model") == (other == layout)
        assert not app.exception


def test_an_export_that_fails_says_why(finished: list[str], app: AppTest):
    open_runs(app, run=finished[0])  # its library has names alone
    press(app, "runs-export")
    assert len(app.error) == 1
    assert app.error[0].value.startswith("A run is exported with the library it was made with: ")


def test_fifty_runs_stand_in_the_table(finished: list[str], app: AppTest, tmp_path: Path):
    for index in range(47):
        shutil.copytree(tmp_path / "runs" / finished[0], tmp_path / f"runs/20250101-0000{index:02d}-otmf-{index:04d}")
    open_runs(app)
    assert len(table(app)) == 50
    assert "50 runs" in texts(app)


def test_a_model_that_grew_is_not_offered_and_says_which_form_is(engine: FakeEngine, app: AppTest, tmp_path: Path):
    queue = JobQueue(tmp_path / "runs", engine)
    config = MergeConfig.build(tasks=("red", "green"), library="colours", method="mingle", iterations=3)
    run = queue.submit(config)
    while queue.active():
        pass
    queue.close()
    open_runs(app, run=run)
    assert app.button(key="runs-export").disabled
    (said,) = [caption.value for caption in app.caption if "One checkpoint" in caption.value]
    assert said.endswith("merge by mingle-static for one that is.")
