"""Studies on the Compare page: what a library brings of them, or the command that makes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.compare.charts.studies import Axis, Series, series_chart
from dashboard.app_pages.compare.study_charts import drawings
from dashboard.text import letters
from otmf_core.analysis.studies.base import Study
from otmf_core.analysis.studies.mask_memory import MASK_MEMORY, Entries, family
from otmf_core.analysis.studies.shipped import write_study
from otmf_core.analysis.studies.table import STUDIES
from otmf_core.analysis.studies.transport_cost import TRANSPORT, Point
from otmf_core.config import MergeConfig
from otmf_core.library.library import open_library
from otmf_core.runs.folder import Run
from otmf_core.runs.record import make_record
from otmf_core.runs.state import RunState
from tests.analysis.studies.test_pairs import made_study
from tests.dashboard.pages import opener, texts
from tests.made_runs import made_run

ORDERS = (("red", "green"), ("green", "red"))
ACC = {"element": 70.0, "row": 69.5, "none": 60.0}
COUNTS = [Entries(family="none", entries=0), Entries(family="row", entries=30), Entries(family="element", entries=2000)]
open_page = opener("compare")


def run_of(config: MergeConfig, final: float) -> Run:
    rows = tuple(tuple(50.0 if task >= step else final for task in range(2)) for step in range(3))
    library = open_library("colours").manifest_hash
    state = RunState(tasks=config.tasks, library=library, step=2, matrix=rows, individual=(90.0,) * 2, seconds=9.0)
    name = f"{config.method.name}-{config.tasks[0]}-{final}"
    record = make_record(name, "done", config, state, "2026-01-01T00:00:00.000+00:00", {})
    return Run(name, Path(name), "done", "", record.created, config, state, record)


def ship(tmp_path: Path) -> Path:
    configs = MASK_MEMORY.configs(ORDERS, {"library": "colours"})
    runs = [run_of(config, ACC[family(config)]) for config in configs if family(config) in ACC]
    file = tmp_path / "assets/colours/studies/mask-memory.json"
    write_study(file, MASK_MEMORY, runs, COUNTS, "otmf study mask-memory --suite 2", "Linux, 2 cores")
    return file


def open_study(app: AppTest, study: Study) -> AppTest:
    open_page(app)
    app.segmented_control(key="compare-view").set_value("Studies").run()
    app.segmented_control(key="study-which").set_value(study.name).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_without_results_says_which_command_makes_them(app: AppTest, name: str):
    open_study(app, STUDIES[name])
    assert STUDIES[name].question in texts(app)
    assert [code.value for code in app.code] == [f"otmf study {name} --results assets/colours/studies/{name}.json"]


def test_a_study_has_question_chart_table_finding_and_command(app: AppTest, tmp_path: Path):
    ship(tmp_path)
    open_study(app, MASK_MEMORY)
    said = texts(app)
    assert "**Highest ACC: element, 70.0% with 2,000 entries; with the fewest entries within 1 point of it: row" in said
    assert "6 merges of 2 tasks in 2 orders" in said and "Linux, 2 cores" in said
    assert app.dataframe[0].value[["name", "entries", "n", "acc", "difference"]].to_numpy(na_value=None).tolist() == [
        ["element", 2000, 2, 70.0, None],
        ["row", 30, 2, 69.5, -0.5],
        ["none", 0, 2, 60.0, -10.0],
    ]
    (chart,) = (json.loads(each.proto.spec) for each in app.get("plotly_chart"))
    assert [(trace["name"], trace["x"], trace["y"]) for trace in chart["data"]] == [
        ("element", [2000], [70.0]),
        ("row", [30], [69.5]),
    ]
    assert chart["layout"]["xaxis"]["type"] == "log"
    assert chart["layout"]["shapes"][0]["y0"] == 60.0, "without masks"
    assert app.code[0].value == "otmf study mask-memory --suite 2"


def test_measurements_without_merges_are_shown(app: AppTest, tmp_path: Path):
    limits = {"limit_seconds": 60.0, "limit_bytes": 1 << 33}
    points = [
        Point(loss="sliced", d=512, n=16, seconds=0.5, memory_bytes=1 << 20, **limits),
        Point(loss="exact", d=512, n=64, stopped="time", **limits),
    ]
    write_study(tmp_path / "assets/colours/studies/transport.json", TRANSPORT, [], points, "otmf study transport", "")
    open_study(app, TRANSPORT)
    assert "2 measurements" in texts(app)
    assert "exact fits at no n" in texts(app)
    time, memory = (json.loads(each.proto.spec)["data"] for each in app.get("plotly_chart"))
    assert [(trace["name"], trace["x"], trace["y"]) for trace in time] == [
        ("sliced, d = 512", [16], [0.5]),
        ("exact, d = 512", [], []),
        ("Stopped at the limit", [64], [60.0]),
    ]
    assert [trace["y"] for trace in memory] == [[1.0], []]
    assert app.dataframe[0].value["stopped"].fillna("").tolist() == ["", "time"]


def test_a_damaged_study_is_told(app: AppTest, tmp_path: Path):
    file = ship(tmp_path)
    beside = file.with_name("mask-memory-measured.json")
    beside.write_text(beside.read_text().replace('"entries":30', '"entries":-30'))
    open_study(app, MASK_MEMORY)
    assert app.error[0].value.startswith("A study's measurements have the fields of this version")
    assert not app.dataframe


def test_own_runs_and_a_link_are_one_choice_away(app: AppTest, tmp_path: Path):
    open_study(app, MASK_MEMORY)
    app.segmented_control(key="compare-view").set_value("My runs").run()
    assert "Nothing to compare yet" in texts(app)
    open_page(app)
    assert app.segmented_control(key="compare-view").value == "My runs"
    assert app.segmented_control(key="compare-view").options == ["My runs", "Studies"]


def test_logarithmic_axes_name_powers_of_ten():
    chart: Any = series_chart(
        [Series("A & B", "#111111", [16, 10_000], [0.02, 3.0])],
        Axis("n", log=True),
        Axis("s", log=True, line=60.0, line_name="limit"),
    )
    assert chart.data[0].name == "A &amp; B"
    assert chart.layout.xaxis.ticktext == ("10", "100", "1,000", "10,000")
    assert chart.layout.yaxis.ticktext == ("0.01", "0.1", "1", "10", "100")


def test_presets_of_a_method_share_its_colour_and_differ_in_their_line():
    study = STUDIES["recursion"]
    configs = study.configs([tuple("abcdef")], {})
    matrix = tuple(tuple(80.0 if step > task else 30.0 for task in range(6)) for step in range(7))
    runs = [made_run(str(k), config, matrix=matrix, acc=80.0) for k, config in enumerate(configs[:2])]
    (drawing,) = drawings("recursion", study.found(runs, ()))
    plain, paper = drawing.series
    assert (plain.name, paper.name) == ("OTMF", "OTMF, paper")
    assert plain.colour == paper.colour and plain.dash != paper.dash
    assert list(plain.y) == [100.0] * 6


def test_pairs_are_drawn_against_both_signs_with_the_limits_learned():
    cosine, domain = drawings("pairs", STUDIES["pairs"].found(*made_study()))
    assert [series.name for series in cosine.series] == ["Sinkhorn", "Unbalanced"]
    assert list(cosine.series[0].x) == [0.1, 0.2, 0.8, 0.6]
    assert list(cosine.series[0].y) == [8.0, 7.0, 2.0, 1.0]
    assert cosine.x.line == pytest.approx(0.4) and cosine.y.line == 5.0
    assert domain.x.title == "Domain distance"


def test_heads_stand_apart_by_space_and_labels():
    heads = STUDIES["heads"]
    runs = [made_run(str(k), config, acc=50.0 + k) for k, config in enumerate(heads.configs([("a", "b")], {}))]
    (drawing,) = drawings("heads", heads.found(runs, ()))
    first = drawing.series[0]
    assert (first.name, first.y) == ("features, heads none", [50.0, 54.0])
    assert list(first.x) == pytest.approx([-0.12, 0.88])
    assert drawing.x.texts == {0.0: "No images kept", 1.0: "64 images kept"}
    assert len({series.colour for series in drawing.series}) == 4


def test_texts_of_a_file_act_on_nothing(app: AppTest, tmp_path: Path):
    hostile = "<b>x</b> [l](http://e) :material/home: $y$ & `z`"
    points = [Point(loss=hostile, d=512, n=16, seconds=0.5, memory_bytes=1, limit_seconds=1.0, limit_bytes=1)]
    write_study(tmp_path / "assets/colours/studies/transport.json", TRANSPORT, [], points, hostile, hostile)
    open_study(app, TRANSPORT)
    said = texts(app)
    assert letters(hostile) in said and hostile not in said
    (trace,) = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert trace["name"].startswith("&lt;b&gt;x")
    assert app.code[0].value == hostile


def test_an_empty_study_is_shown_as_one(app: AppTest, tmp_path: Path):
    write_study(tmp_path / "assets/colours/studies/transport.json", TRANSPORT, [], [], "otmf study transport", "")
    open_study(app, TRANSPORT)
    assert "Nothing was measured" in texts(app)
