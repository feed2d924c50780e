"""Comparisons that come with a library, and grids of one's own: tables and charts by hand-computed values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts.colours import PALETTE, method_colour
from dashboard.charts.grid import SYMBOLS, Held, Point, cost_quality, intervals
from otmf_core.analysis.results import write_results
from otmf_core.config import MergeConfig
from otmf_core.jobs.queue import JobQueue
from otmf_core.library.library import open_library
from otmf_core.methods.base import KINDS
from otmf_core.methods.table import METHODS
from otmf_core.runs.folder import Run
from otmf_core.runs.record import make_record
from otmf_core.runs.state import RunState
from tests.dashboard.pages import drained, opener, press, texts

ORDERS = (("red", "green"), ("green", "red"))
open_page = opener("compare")


def test_differences_are_dots_a_mean_and_its_interval():
    held = Held("A & B", "#2173b5", (1.0, 3.0), 2.0, -10.7, 14.7, "2/0/0")
    chart: Any = intervals([held, Held("C", "#e66b08", (-1.0,), -1.0, None, None, "0/0/1")], "OTMF")
    dots, line, mean, one_dot, one_mean = chart.data
    assert (dots.x, dots.y, mean.x) == ((1.0, 3.0), ("A &amp; B",) * 2, (2.0,))
    assert line.x == (-10.7, 14.7)
    assert (one_dot.x, one_mean.x) == ((-1.0,), (-1.0,))
    assert [note.text for note in chart.layout.annotations] == ["+2.0 [−10.7, +14.7] · 2/0/0", "−1.0 · 0/0/1"]
    assert chart.layout.xaxis.title.text == "Difference in ACC from OTMF (pt)"


def test_quality_stands_over_cost_by_kind():
    points = [
        Point("Quick", "#111111", "none", 60.0, 1.0, 10.0),
        Point("Slow", "#222222", "joint", 70.0, None, 1000.0),
        Point("Slow too", "#333333", "joint", 70.0, None, 1000.0),
    ]
    chart: Any = cost_quality(points, "s", KINDS)
    kinds, marks = ([each for each in chart.data if each.showlegend is legend] for legend in (None, False))
    assert [each.name for each in kinds] == [KINDS["none"], KINDS["joint"]]
    assert [(each.x[0], each.y[0], each.error_y.array[0]) for each in marks] == [
        (10.0, 60.0, 1.0),
        (1000.0, 70.0, 0.0),
        (1000.0, 70.0, 0.0),
    ]
    assert marks[0].marker.symbol != marks[1].marker.symbol
    notes = {note.text: note for note in chart.layout.annotations}
    assert (notes["Slow"].xshift, notes["Slow"].showarrow) == (-9, False), "beside its point, away from the edge"
    assert abs(notes["Slow too"].ay) >= 13 and notes["Slow too"].showarrow, "two names in one place"
    assert (notes["Quick"].x, notes["Slow"].x) == (1.0, 3.0), "logarithms, as annotations have them"
    assert chart.layout.xaxis.type == "log"
    linear: Any = cost_quality(points, "GiB", KINDS)
    assert linear.layout.xaxis.type is None and linear.layout.xaxis.title.text == "Peak memory (GiB)"


def test_every_kind_of_method_has_a_marker_of_its_own():
    assert set(SYMBOLS) == set(KINDS)
    assert len(set(SYMBOLS.values())) == len(KINDS)


def test_a_method_has_a_colour_of_its_own_and_shares_it_with_its_joint_form():
    own = [method for method in METHODS if method.removesuffix("-joint") not in METHODS or not METHODS[method].joint]
    assert len({method_colour(method) for method in own}) == min(len(own), len(PALETTE))
    assert method_colour("ties-joint") == method_colour("ties") != method_colour("iso-cts-joint")


def finished_run(order: tuple[str, ...], final: float, **settings: Any) -> Run:
    """A run on the library of colours, 50 % before and `final` after a task's merge."""
    config = MergeConfig.build(tasks=order, library="colours", **settings)
    rows = tuple(tuple(50.0 if task >= step else final for task in range(2)) for step in range(3))
    library = open_library("colours").manifest_hash
    state = RunState(
        tasks=order, library=library, step=2, matrix=rows, individual=(90.0,) * 2, seconds=9.0, peak_memory_bytes=2**30
    )
    name = f"{config.method.name}-{order[0]}-{final}"
    record = make_record(name, "done", config, state, "2026-01-01T00:00:00.000+00:00", {})
    return Run(name, Path(name), "done", "", record.created, config, state, record)


def ship(tmp_path: Path, name: str, *rows: tuple[dict[str, Any], tuple[float, float]]) -> Path:
    """Give the library a comparison of rows, each of settings and its ACC in both orders."""
    runs = [finished_run(order, acc, **own) for own, both in rows for order, acc in zip(ORDERS, both, strict=True)]
    file = tmp_path / "assets" / "colours" / f"results-{name}.json"
    write_results(file, runs, f"otmf compare --suite {name}")
    return file


METHOD_ROWS = (
    ({"method": "average"}, (60.0, 62.0)),
    ({"method": "otmf"}, (67.0, 69.0)),
    ({"method": "ties"}, (64.0, 61.0)),
    ({"method": "ties-joint"}, (70.0, 72.0)),
)


def test_a_first_visit_sees_the_shipped_comparison(app: AppTest, tmp_path: Path):
    ship(tmp_path, "2", *METHOD_ROWS)
    open_page(app)
    said = texts(app)
    assert "otmf compare \\-\\-suite 2 · 8 runs" in said or "otmf compare --suite 2 · 8 runs" in said
    board, joint = (frame.value for frame in app.dataframe[:2])
    assert board[["name", "rank", "labels", "images_kept", "n", "acc", "difference", "win_tie_loss"]].to_numpy(
        na_value=None
    ).tolist() == [
        ["TIES", 1, "none", 0, 2, 62.5, -5.5, "0/0/2"],
        ["Average", 2, "none", 0, 2, 61.0, -7.0, "0/0/2"],
        ["OTMF", 1, "unlabelled images", 256, 2, 68.0, None, None],
    ]
    assert board["acc_std"].tolist() == [2.1, 1.4, 1.4]
    assert joint[["name", "acc", "difference"]].to_numpy().tolist() == [["TIES, joint", 71.0, 3.0]]
    assert "Published for CLIP ViT-B/32" in said


def test_rows_on_one_footing_are_ranked_alone(app: AppTest, tmp_path: Path):
    ship(tmp_path, "2", *METHOD_ROWS)
    open_page(app)
    app.selectbox(key="shipped-0-footing").set_value("One after another, without data").run()
    assert not app.exception
    assert app.dataframe[0].value["name"].tolist() == ["TIES", "Average"]
    assert app.selectbox(key="shipped-0-reference").value == "Average"
    app.selectbox(key="shipped-0-reference").set_value("TIES").run()
    assert app.dataframe[0].value["difference"].fillna(0.0).tolist() == [0.0, -1.5]
    assert "Like for like: one after another, without data." in texts(app)


def test_cost_is_time_or_memory(app: AppTest, tmp_path: Path):
    ship(tmp_path, "2", *METHOD_ROWS)
    open_page(app)
    assert "type" in charts(app)["shipped-0-quality"]["layout"]["xaxis"]
    app.segmented_control(key="shipped-0-cost").set_value("Peak memory").run()
    assert not app.exception
    assert "GiB" in charts(app)["shipped-0-quality"]["layout"]["xaxis"]["title"]["text"]


def charts(app: AppTest) -> dict[str, Any]:
    """The plotly charts of a page by key."""
    return {each.proto.id.split("-", 2)[-1]: json.loads(each.proto.spec) for each in app.get("plotly_chart")}


def test_own_runs_stand_apart_and_a_link_opens_them(finished: list[str], app: AppTest, tmp_path: Path):
    ship(tmp_path, "2", *METHOD_ROWS)
    open_page(app)
    assert app.dataframe[0].value["name"].tolist() == ["TIES", "Average", "OTMF"]
    app.segmented_control(key="compare-view").set_value("My runs").run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 3, "the picker has one's own runs alone"
    assert "runs" in app.query_params
    app.segmented_control(key="compare-view").set_value("Shipped comparison").run()
    assert app.dataframe[0].value["name"].tolist() == ["TIES", "Average", "OTMF"]
    assert "runs" not in app.query_params
    open_page(app, runs=finished[0])
    assert app.segmented_control(key="compare-view").value == "My runs"


def test_the_shipped_comparison_can_be_hidden_and_shown_again(app: AppTest, tmp_path: Path):
    ship(tmp_path, "2", *METHOD_ROWS)
    open_page(app)
    press(app, "shipped-hide")
    assert "Nothing to compare yet" in texts(app)
    press(app, "shipped-show")
    assert app.dataframe[0].value["name"].tolist() == ["TIES", "Average", "OTMF"]


def test_a_damaged_or_stale_comparison_is_not_shown(app: AppTest, tmp_path: Path):
    file = ship(tmp_path, "2", *METHOD_ROWS)
    fields = json.loads(file.read_text())
    fields["runs"][0]["record"]["acc"] = 99.0
    file.write_text(json.dumps(fields))
    open_page(app)
    assert app.error[0].value.startswith("The files of a run must agree with each other: acc is 99.00")
    assert "Nothing to compare yet" in texts(app)
    file.write_text(json.dumps({**fields, "library": "older", "runs": []}))
    open_page(app)
    assert not app.error
    assert "Nothing to compare yet" in texts(app)


def test_otmf_is_shown_taken_apart(app: AppTest, tmp_path: Path):
    rows = ({}, (68.0, 70.0)), ({"memory": 0}, (60.0, 61.0)), ({"loss": "kl"}, (66.0, 67.0))
    ship(tmp_path, "apart", *[({"method": "otmf", **own}, both) for own, both in rows])
    ship(tmp_path, "2", *METHOD_ROWS)
    open_page(app)
    which = app.segmented_control(key="shipped-which")
    assert which.options == ["Colours, 2 tasks", "Colours, 2 tasks, OTMF taken apart"]
    which.set_value("Colours, 2 tasks, OTMF taken apart").run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table[["part", "name", "acc", "difference", "win_tie_loss"]].to_numpy(na_value=None).tolist() == [
        ["whole", "OTMF", 69.0, None, None],
        ["loss", "loss kl", 66.5, -2.5, "0/0/2"],
        ["images", "memory 0", 60.5, -8.5, "0/0/2"],
    ]


@pytest.mark.parametrize(("orders", "seen"), [(2, True), (1, False)])
def test_own_runs_over_orders_are_held_against_each_other(
    engine, app: AppTest, tmp_path: Path, orders: int, seen: bool
):

    queue = JobQueue(tmp_path / "runs", engine)
    configs = [
        MergeConfig.build(tasks=order, library="colours", method=method)
        for order in ORDERS[:orders]
        for method in ("average", "ties")
    ]
    runs = [queue.submit(config) for config in configs]
    drained(queue)
    open_page(app, runs=",".join(runs))
    assert any(box.key == "own-reference" for box in app.selectbox) == seen
