"""The Accuracy page: empty, full, by link, and its charts by their data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts.curves import accuracy_curves
from dashboard.charts.ends import outcome, retention
from dashboard.charts.outcomes import outcomes
from tests.dashboard.pages import metrics, opener, texts

MATRIX = [[30.0, 20.0, 10.0], [80.0, 25.0, None], [60.0, 90.0, 15.0], [40.0, 45.0, 70.0]]
TASKS = ["a", "b", "c"]
NAMES = {"a": "A", "b": "B", "c": "C"}
COLOURS = {"a": "#111111", "b": "#222222", "c": "#333333"}
OWN = {"a": 100.0, "b": 90.0, "c": 80.0}


open_page = opener("accuracy")


def test_without_runs_the_page_shows_the_way(app: AppTest):
    open_page(app)
    assert "Nothing to show yet" in texts(app)
    assert app.page_link[0].value == "Start a merge"


def test_the_metrics_are_those_of_the_record(finished: list[str], app: AppTest, tmp_path: Path):
    open_page(app, run=finished[0])
    record = json.loads((tmp_path / "runs" / finished[0] / "record.json").read_text())
    values = metrics(app)
    assert values["ACC"] == f"{record['acc']:.1f}%"
    assert values["Stability"] == f"{record['stability']:.1f}%"
    assert finished[0] in texts(app)
    assert app.selectbox[0].value == finished[0]


def test_another_run_is_chosen_and_linked(finished: list[str], app: AppTest):
    open_page(app, run=finished[0])
    app.selectbox[0].select(finished[1]).run()
    assert not app.exception
    assert app.query_params["run"] == finished[1]


def test_a_link_to_a_run_that_is_gone_says_so(finished: list[str], app: AppTest):
    open_page(app, run="20200101-000000-otmf-0000")
    assert "There is nothing to show here of run 20200101-000000-otmf-0000" in app.warning[0].value
    assert app.selectbox[0].value == finished[-1]


def test_outcomes_are_what_the_matrix_says():
    table = outcomes(MATRIX, TASKS, OWN)
    assert table["just_merged"].tolist() == [80.0, 90.0, 70.0]
    assert table["now"].tolist() == [40.0, 45.0, 70.0]
    assert table["plasticity"].tolist() == [80.0, 100.0, 87.5]
    assert table["stability"].tolist()[:2] == [50.0, 50.0]
    assert table["stability"].isna().tolist() == [False, False, True]


def test_of_an_unfinished_run_the_latest_row_counts():
    table = outcomes([*MATRIX[:3], None], TASKS, OWN)
    assert table["task"].tolist() == ["a", "b"]
    assert table["now"].tolist() == [60.0, 90.0]
    assert table["stability"].tolist()[0] == 75.0
    assert outcomes([MATRIX[0], None, None, None], TASKS, OWN).empty


def test_the_outcome_chart_has_the_values_on_its_axis():
    chart: Any = outcome(outcomes(MATRIX, TASKS, OWN), NAMES, COLOURS)
    by_name = {trace.name: list(trace.x) for trace in chart.data if trace.name}
    assert by_name == {
        "Pre-trained": [30.0, 20.0, 10.0],
        "Individual": [100.0, 90.0, 80.0],
        "Just merged": [80.0, 90.0, 70.0],
        "Now": [40.0, 45.0, 70.0],
    }


def test_the_retention_chart_has_a_point_per_task_with_both_ratios():
    chart: Any = retention(outcomes(MATRIX, TASKS, OWN), NAMES, COLOURS)
    (tasks,) = chart.data
    assert list(zip(tasks.text, tasks.x, tasks.y, strict=True)) == [("A", 80.0, 50.0), ("B", 100.0, 50.0)]
    assert list(tasks.marker.color) == [COLOURS["a"], COLOURS["b"]]


@pytest.mark.parametrize(
    ("selection", "mean", "start", "own"), [(["a", "b", "c"], 155 / 3, 20.0, 90.0), (["b"], 45, 20, 90)]
)
def test_means_and_reference_lines_are_of_the_selection(selection: list[str], mean: float, start: float, own: float):
    chart: Any = accuracy_curves(MATRIX, TASKS, NAMES, COLOURS, selection, OWN)
    assert chart.data[-1].y[-1] == pytest.approx(mean)
    assert [shape.y0 for shape in chart.layout.shapes] == pytest.approx([start, own])
    assert {trace.name for trace in chart.data} == {
        *(NAMES[t] for t in selection),
        "Before its merge",
        "Mean of merged",
    }
    (before,) = (trace for trace in chart.data if trace.name == "Before its merge")
    assert {name for name in before.text if name} == {NAMES[t] for t in selection}


@pytest.mark.parametrize(("own", "above"), [(31.0, "Individual"), (29.0, "Pre-trained")])
def test_names_of_lines_close_to_each_other_do_not_meet(own: float, above: str):
    chart: Any = accuracy_curves(MATRIX, TASKS, NAMES, COLOURS, ["a"], {"a": own})
    anchors = {text.text.split()[0]: text.yanchor for text in chart.layout.annotations}
    assert anchors == {name: "bottom" if name == above else "top" for name in ("Pre-trained", "Individual")}
