"""The Features page: empty, before and after features are taken, by link, and its charts by their data."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.features.charts.distances import distance_curves, distance_frame
from dashboard.app_pages.features.charts.feature_map import feature_map, limits, points
from dashboard.app_pages.features.charts.plan import plan_frame, plan_heatmap
from dashboard.app_pages.features.reading import class_mass_of
from otmf_core.analysis.features import TaskFeatures, models_at, read_features, take_features
from otmf_core.analysis.projection import projection
from tests.dashboard.conftest import APP
from tests.dashboard.pages import metrics, opener, press, texts
from tests.tiny import ROOT, TASKS, merge_config, merged

CLASSES = ["dark", "bright"]
LABELS = np.array([0, 1, 1])
POSITIONS = {"pre": np.zeros((3, 2)), "post": np.ones((3, 2)), "merged": np.array([[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])}
ANSWERS = {"pre": np.array([0, 0, 0]), "post": np.array([0, 1, 1]), "merged": np.array([0, 1, 0])}


@pytest.fixture
def app_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app on the runs folder `tmp_path / "runs"`."""
    monkeypatch.setenv("OTMF_RUNS", str(tmp_path / "runs"))
    st.cache_data.clear()
    return AppTest.from_file(str(APP), default_timeout=60).run()


@pytest.fixture
def run(default: tuple[Path, list], tmp_path: Path) -> Path:
    """A finished OTMF run of the tiny library, of the test's own."""
    return Path(shutil.copytree(default[0], tmp_path / "runs" / "tiny-run"))


open_page = opener("features")


def test_without_runs_the_page_shows_the_way(app: AppTest):
    open_page(app)
    assert "Nothing to show yet" in texts(app)
    assert app.page_link[0].value == "Start a merge"


def test_a_run_whose_library_has_no_weights_says_so(finished: list[str], app: AppTest):
    open_page(app, run=finished[0])
    assert "Features are not taken yet" in texts(app)
    press(app, "take")
    assert len(app.error) == 1
    assert app.error[0].value.endswith(".")


def test_features_are_taken_on_a_click_and_shown(run: Path, app_of: AppTest):
    app = open_page(app_of, run="tiny-run")
    press(app, "take")
    assert not app.error
    features = read_features(run, "blue")
    values = metrics(app)
    assert values["Merged"] == f"{features.distances[3]:.3f}"
    assert values["Before the step"] == f"{features.distances[2]:.3f}"
    assert values["Incoming expert"] == "0.000"
    assert values["Pre-trained"] == f"{features.distances[0]:.3f}"
    assert (run / "features/03-tsne.parquet").is_file()
    assert "t-SNE of 24 test images, step 3: Blue fused in" in texts(app)


def test_step_task_and_method_are_chosen_and_nothing_is_taken_twice(
    run: Path, app_of: AppTest, monkeypatch: pytest.MonkeyPatch
):
    take_features(run)
    monkeypatch.setattr("otmf_core.models.base.Tower.features", None)  # calling it would fail
    app = open_page(app_of, run="tiny-run")
    app.selectbox(key="task").select("red").run()
    app.slider(key="step").set_value(2).run()
    app.button_group(key="projection_method").set_value("pca").run()
    app.toggle(key="lines").set_value(True).run()
    assert not app.exception
    features = read_features(run, "red")
    pre, post, after = models_at(2, len(TASKS)).values()
    assert (pre, post, after) == (1, 5, 2)
    assert metrics(app)["Incoming expert"] == f"{features.distances[5]:.3f}"
    assert metrics(app)["Before the step"] == "0.000"  # the merged model of one task is its expert
    assert "PCA of 24 test images, step 2: Green fused in" in texts(app)


def test_selected_images_are_shown_with_every_answer(run: Path, app_of: AppTest):
    take_features(run)
    app = open_page(app_of, run="tiny-run")
    app.session_state["selected-tiny-run-blue"] = [0, 4]
    app.run()
    assert not app.exception
    assert "2 of 24" in texts(app)
    features = read_features(run, "blue")
    classes = ["dark", "middle", "bright"]
    assert f"**{classes[features.labels[4]]}**" in texts(app)
    press(app, "clear")
    assert "2 of 24" not in texts(app)


def test_a_run_of_two_tasks_has_one_step(tiny: Path, tmp_path: Path, app_of: AppTest):
    take_features(merged(merge_config(tiny, tasks=("red", "blue"), method="average"), tmp_path / "runs", "two"))
    app = open_page(app_of, run="two")
    assert not app.slider
    assert "step 2: Blue fused in" in texts(app)


@pytest.mark.parametrize(("linked", "expected"), [("2", 2), ("9", 3)])
def test_a_link_restores_the_step_where_there_is_one(run: Path, app_of: AppTest, linked: str, expected: int):
    take_features(run)
    app = open_page(app_of, run="tiny-run", step=linked, task="Green")
    assert app.slider(key="step").value == expected
    assert app.selectbox(key="task").value == "green"


def test_a_second_visit_loads_nothing_heavy(run: Path):
    take_features(run)
    projection(run, TASKS, "blue", "tsne")
    program = f"""
import os, sys
os.environ["OTMF_RUNS"] = {str(run.parent)!r}
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(APP)!r}, default_timeout=60).run()
app.switch_page("app_pages/features/page.py").run()
assert not app.exception and len(app.metric) == 4, app
print(*sorted({{name.split('.')[0] for name in sys.modules}} & {{"torch", "open_clip", "sklearn", "timm", "geomloss"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_damaged_features_are_a_sentence(run: Path, app_of: AppTest):
    take_features(run)
    (run / "features/features.safetensors").write_bytes(b"nothing")
    app = open_page(app_of, run="tiny-run")
    assert app.error[0].value.endswith(".")


def test_points_and_paths_are_where_the_projection_has_them():
    table = points(POSITIONS, ANSWERS, LABELS, CLASSES)
    assert table[table["model"] == "merged"]["answer"].tolist() == ["dark", "bright", "dark"]
    chart: Any = feature_map(table, CLASSES, lines=True, selected=[2], limits=([0, 8], [0, 9]))
    drawn = [trace for trace in chart.data if trace.hovertemplate and trace.mode == "markers"]
    assert [list(trace.x) for trace in drawn] == [[0, 0, 0], [1, 1, 1], [2, 4, 6]]
    assert drawn[2].text[2] == "<b>bright</b><br>Before the step: dark<br>Incoming expert: bright<br>Merged: dark"
    assert drawn[2].marker.color[1] == drawn[2].marker.color[2] != drawn[2].marker.color[0]
    faint, strong = (trace for trace in chart.data if trace.mode == "lines")
    assert list(faint.x) == [0, 2, None, 0, 4, None, 0, 6, None]
    assert (list(strong.x), list(strong.y)) == ([0, 6, None], [0, 7, None])
    assert [(*trace.x, *trace.y) for trace in chart.data if trace.name == "Selected"] == [(6, 7)]
    assert tuple(chart.layout.xaxis.range) == (0, 8)
    assert {note.text for note in chart.layout.annotations} == {"dark", "bright"}


def test_points_are_the_first_traces_so_that_a_click_names_its_image():
    chart: Any = feature_map(points(POSITIONS, ANSWERS, LABELS, CLASSES), CLASSES, by="model")
    assert [len(trace.x) for trace in chart.data] == [3, 1, 3, 1, 3, 1]
    assert len({trace.marker.color for trace in chart.data}) == 3


def test_limits_hold_every_step():
    layout = np.array([[[0.0, -1.0]], [[10.0, 1.0]], [[np.nan, np.nan]]])
    assert limits(layout) == ([-0.4, 10.4], [-1.08, 1.08])


def test_the_plan_is_shown_as_shares_of_each_class():
    mass = np.array([[0.3, 0.1, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, 0.0]])
    chart: Any = plan_heatmap(mass, ["a", "b", "c"])
    np.testing.assert_allclose(chart.data[0].z, [[75, 25], [0, 100]])
    assert list(chart.data[0].x) == ["a", "b"]
    table = plan_frame(mass, ["a", "b", "c"])
    assert table["mass_percent"].tolist() == pytest.approx([30, 10, 60])


def test_a_sample_without_the_last_class_has_a_plan(tmp_path: Path):
    unit = np.repeat(np.eye(2, dtype=np.float32)[None], 3, axis=0)
    sample = TaskFeatures(unit, np.zeros((3, 2), int), np.zeros(3), np.arange(2), np.array([0, 1]))
    mass = class_mass_of(tmp_path, "blue", 1, sample, 2, 3)
    chart: Any = plan_heatmap(mass, ["a", "b", "never seen"])
    assert list(chart.data[0].x) == ["a", "b"]
    assert sum(plan_frame(mass, ["a", "b", "never seen"])["mass_percent"].tolist()) == pytest.approx(100)


def test_an_answer_that_is_none_of_the_classes_is_said_to_be_none():
    generated = {**ANSWERS, "merged": np.array([0, 1, -1])}
    table = points(POSITIONS, generated, LABELS, CLASSES, ["a dog", "x" * 400, "<b>cat</b>"])
    assert table[table["model"] == "merged"]["answer"].tolist() == ["dark", "bright", "none of these"]
    chart: Any = feature_map(table, CLASSES)
    assert "Merged: none of these" in chart.data[0].text[2]
    assert "<i>&lt;b&gt;cat&lt;/b&gt;</i>" in chart.data[0].text[2]
    assert max(map(len, chart.data[0].text[1].split("<br>"))) < 60


def test_distances_are_by_step():
    table = distance_frame([9, 1, 2, 3, 4], 2)
    assert table["merged"].tolist() == [9, 1, 2]
    assert table["incoming_expert"].tolist()[1:] == [3, 4]
    chart: Any = distance_curves(table, ["A", "B"], 1, 2, "#123456")
    assert {trace.name: list(trace.y)[1:] for trace in chart.data} == {"Merged": [1, 2], "Incoming expert": [3, 4]}
    assert [shape.x0 for shape in chart.layout.shapes] == [1, 2]
