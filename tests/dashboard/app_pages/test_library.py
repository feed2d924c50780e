"""The Library page: what the manifest, the files' headers and finished runs say; a folder typed; what is refused."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.library.charts import lengths
from dashboard.app_pages.library.tables import checkpoint_table, measured_accuracies, split_sizes, task_table
from dashboard.charts.geometry import cosine_matrix
from otmf_core.files import sha256
from otmf_core.library.geometry import geometry
from otmf_core.library.library import open_library
from otmf_core.runs.folder import list_runs
from tests.dashboard.pages import metrics, opener, texts
from tests.tiny import TASKS, merge_config, merged

open_page = opener("library")


@pytest.fixture
def measured_tiny(tiny: Path, engine, tmp_path: Path) -> Path:
    """The tiny library, with a real finished run of it in the dashboard's runs folder."""
    merged(merge_config(tiny, method="average"), tmp_path / "runs", "20260101-000000-average-0000")
    return tiny


def test_a_library_on_disk_is_shown_in_full(measured_tiny: Path, app: AppTest):
    open_page(app, library=str(measured_tiny), task="green")
    assert not app.error
    assert metrics(app)["Tasks"] == "3"
    assert metrics(app)["Classes"] == "9"
    tasks, files = (frame.value for frame in app.dataframe)
    assert list(tasks["task"]) == ["Red", "Green", "Blue"]
    assert "20260101-000000-average-0000" in texts(app)
    assert app.subheader[0].value == "Green"
    assert "Calibration 24 images · Labelled 24 images · Test 24 images" in texts(app)
    assert "**3 classes** · dark, middle, bright" in texts(app)
    assert list(files["dtype"]) == ["F32", "F16", "F16", "F16"]
    assert len(app.get("plotly_chart")) == 2


def test_without_runs_no_accuracy_is_claimed(tiny: Path, app: AppTest):
    open_page(app, library=str(tiny))
    assert app.dataframe[0].value["zero_shot"].isna().to_numpy().all()
    assert "appears once a run on these tasks has finished" in texts(app)


def test_what_is_missing_is_said(app: AppTest):
    open_page(app)
    said = texts(app)
    assert "A backbone has a config and weights" in said
    assert "Red names no task_vector" in said
    assert list(app.dataframe[0].value["task"]) == ["Red", "Green", "Blue", "White"]


def test_a_folder_that_is_no_library_is_refused_in_a_sentence(app: AppTest, tmp_path: Path):
    open_page(app, library=str(tmp_path))
    assert "A library is installed (colours) or a folder with a manifest.json" in app.error[0].value


def test_a_task_that_is_not_there_is_said_to_be_missing(tiny: Path, app: AppTest):
    open_page(app, library=str(tiny), task="plaid")
    assert "has no task 'plaid'" in app.warning[0].value
    assert app.subheader[0].value == "Red"


def test_a_damaged_file_is_named(own_tiny: Path, app: AppTest):
    (own_tiny / "tasks/red/task_vector.safetensors").write_bytes(b"damaged")
    open_page(app, library=str(own_tiny))
    assert any("must have the hash its manifest records" in error.value for error in app.error)


def test_accuracies_are_those_of_the_newest_run_on_this_manifest(measured_tiny: Path, tmp_path: Path):
    manifest = sha256(measured_tiny / "manifest.json")
    record = json.loads((tmp_path / "runs/20260101-000000-average-0000/record.json").read_text())
    runs = list_runs(tmp_path / "runs")[0]
    accuracies = measured_accuracies(runs, manifest)
    assert [accuracies[task][0] for task in TASKS] == record["matrix"][0]
    assert [accuracies[task][1] for task in TASKS] == record["individual"]
    assert list(task_table(open_library(str(measured_tiny)), accuracies)["individual"]) == record["individual"]
    assert measured_accuracies(runs, "another manifest") == {}


def test_checkpoints_are_what_their_files_are(tiny: Path):
    library = open_library(str(tiny))
    between = geometry(library, TASKS)
    table = checkpoint_table(library, between).set_index("model")
    path = tiny / "tasks/blue/task_vector.safetensors"
    assert table.loc["Blue", "sha256"] == sha256(path)
    assert table.loc["Blue", "size"] == path.stat().st_size / 1e6
    assert table.loc["Blue", "norm"] == pytest.approx(100 * between.norms[2] / between.base_norm)
    values = sum(t.numel() for t in library.task_vector("blue").values())
    assert table.loc["Blue", "parameters"] == values
    assert math.isnan(table.loc["Pre-trained model", "norm"])


@pytest.fixture
def referring(own_tiny: Path, tmp_path: Path) -> Path:
    """The tiny library, its first task a whole model of open_clip that lies elsewhere, calibrated on test images."""
    from safetensors.torch import save_file

    library = open_library(str(own_tiny))
    delta = library.task_vector("red")
    model = tmp_path / "elsewhere" / "red model.safetensors"
    model.parent.mkdir()
    save_file({f"visual.{name}": value + delta[name].float() for name, value in library.base().items()}, model)
    manifest = json.loads((own_tiny / "manifest.json").read_text())
    name = f"tasks/red/checkpoint/00-{model.name}"
    entry = {"path": str(model), "files": [name], "family": "open_clip", "precision": "F32"}
    del manifest["tasks"][0]["task_vector"]
    manifest["tasks"][0] |= {"checkpoint": entry, "templates": ["a {}.", "no {}."], "source": "org/red"}
    manifest["tasks"][0] |= {"calibration_split": "test", "left_out": "2 of 74 pictures could not be read"}
    manifest["files"][name] = {"sha256": sha256(model), "bytes": model.stat().st_size, "at": str(model)}
    (own_tiny / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    return own_tiny


def test_a_model_that_lies_elsewhere_is_shown_where_it_is(referring: Path, app: AppTest, tmp_path: Path):
    open_page(app, library=str(referring), task="red")
    assert not app.error
    files = app.dataframe[1].value.set_index("model")
    model = tmp_path / "elsewhere" / "red model.safetensors"
    assert files.loc["Red", "file"] == str(model)
    assert tuple(files.loc["Red", ["format", "dtype"]]) == ("open_clip", "F32")
    assert files.loc["Red", "size"] == model.stat().st_size / 1e6
    assert files.loc["Green", "format"] == "safetensors"
    assert files.loc["Red", "norm"] == pytest.approx(files.loc["Green", "norm"], rel=0.5)
    said = texts(app)
    assert f"**Model:** open_clip, F32, {model}" in said
    assert "**Name on the hub:** org/red" in said
    assert "**2 templates** · a {}. · no {}." in said
    assert "**Calibration images:** from the test split" in said
    assert "**Left out:** 2 of 74 pictures could not be read" in said


def test_a_large_library_is_compared_when_somebody_asks(tiny: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.library.geometry.BYTES_READ_UNASKED", 0)
    open_page(app, library=str(tiny))
    assert not app.get("plotly_chart")
    app.toggle[0].set_value(True).run()
    assert len(app.get("plotly_chart")) == 2


def test_splits_are_counted(tiny: Path, engine):
    assert split_sizes(str(tiny), "", "red") == {"Calibration": 24, "Labelled": 24, "Test": 24}


def test_the_heatmap_has_every_pair_and_no_diagonal():
    chart: Any = cosine_matrix([[1, 0.25, -0.004], [0.25, 1, 0.5], [-0.004, 0.5, 1]], ["A", "B", "C"])
    assert [list(row) for row in chart.data[0].z] == [[None, 0.25, -0.004], [0.25, None, 0.5], [-0.004, 0.5, None]]
    assert list(chart.data[1].text) == [".25", ".00", ".25", ".50", ".00", ".50"]
    assert chart.data[0].zmax == 0.5
    assert cosine_matrix([[1, 0.1], [0.1, 1]], ["A", "B"]).data[0].zmax == 0.3


def test_the_heatmap_leaves_undefined_cosines_empty():
    chart: Any = cosine_matrix([[1, math.nan], [math.nan, 1]], ["A", "B"])
    assert list(chart.data[1].text) == []


def test_bars_are_percentages_in_the_tasks_colours():
    chart: Any = lengths([0.05, 0.08], ["a", "b"], {"a": "A", "b": "B"}, {"a": "#111111", "b": "#222222"})
    assert list(chart.data[0].x) == [5.0, 8.0]
    assert list(chart.data[0].y) == ["A", "B"]
    assert list(chart.data[0].marker.color) == ["#111111", "#222222"]


def test_a_library_moved_is_another_entry_of_the_cache(tiny: Path, engine, tmp_path: Path):
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    assert split_sizes(str(copy), "", "red") == split_sizes(str(tiny), "", "red")


def test_the_library_chosen_here_is_the_one_to_merge_from(tiny: Path, app: AppTest):
    open_page(app, library=str(tiny))
    app.switch_page("app_pages/merge/page.py")
    app.query_params.clear()
    app.run()
    assert app.selectbox(key="library").value == str(tiny)
    assert app.query_params["library"] in (str(tiny), [str(tiny)])
