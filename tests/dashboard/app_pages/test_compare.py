"""The Compare page: pools, marks and warnings by hand-computed values, charts by their data, empty and full."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.compare.published import published
from dashboard.app_pages.compare.published_texts import published_texts
from dashboard.charts.compared import Line, cost, overlaid
from otmf_core.config import MergeConfig
from otmf_core.metrics import summary
from otmf_core.runs.folder import create_run, load_run, set_status
from tests.dashboard.fake_engine import accuracy
from tests.dashboard.pages import opener, press, texts
from tests.made_runs import measure_again

SECTION_5 = {
    "Zero-shot": "48.1 / 56.9 / 55.6", "Individual": "90.4 / 89.3 / 89.8", "SWA": "66.3 / 65.4 / 61.1",
    "Continual task arithmetic": "67.5 / 66.5 / 60.0", "Continual TIES": "49.0 / 66.2 / 59.9",
    "MagMax": "70.7 / 67.0 / 61.2", "OPCM": "75.5 / 71.9 / 65.7", "MINGLE": "85.8 / 81.6 / 77.1",
}  # fmt: skip


def test_curves_are_means_of_pools_with_a_band_of_one_deviation():
    chart: Any = overlaid([Line("A", [[80.0, 75.0]]), Line("B, C", [[70.0, 60.0], [74.0, 66.0]])])
    one, band, pool = chart.data
    assert (one.name, one.x, one.y) == ("A", (1, 2), (80.0, 75.0))
    assert (pool.name, pool.y) == ("B, C", (72.0, 63.0))
    assert band.y == pytest.approx([72 + 8**0.5, 63 + 18**0.5, 63 - 18**0.5, 72 - 8**0.5])
    assert one.line.color != pool.line.color


def test_cost_stands_beside_quality_on_both_axes():
    table = {"name": ["A", "B"], "acc": [60.0, 50.0], "seconds": [40.0, 50.0], "memory_gib": [2.0, 2.0]}
    points = cost(pd.DataFrame(table)).data
    assert [(each.name, each.x[0], each.y[0]) for each in points] == [
        ("A", 40.0, 60.0),
        ("A", 2.0, 60.0),
        ("B", 50.0, 50.0),
        ("B", 2.0, 50.0),
    ]


def test_published_figures_are_those_printed():
    table = published().set_index("method")
    for method, printed in SECTION_5.items():
        assert " / ".join(f"{table.loc[method, f'acc_{n}']:.1f}" for n in (8, 14, 20)) == printed
    assert table["acc_8"][-3:].tolist() == [79.7, 64.0, 72.2]
    assert table.loc["Continual TIES", ["bwt_8", "bwt_14", "bwt_20"]].tolist() == [-15.3, 1.9, -1.5]
    assert table.loc["MINGLE", ["bwt_8", "bwt_14", "bwt_20"]].tolist() == [-0.6, -1.1, -2.2]


def test_published_figures_of_texts_are_those_printed():
    table = published_texts().set_index("method")["acc"]
    assert table[["Pre-trained", "Individual", "Average", "TIES, λ 0.3"]].tolist() == [75.7, 86.4, 78.9, 79.9]
    assert table[["Continual task arithmetic", "Continual TIES", "OPCM", "MINGLE", "NUFILT"]].tolist() == [
        77.6,
        75.6,
        80.6,
        83.3,
        83.7,
    ]


open_page = opener("compare")


def test_without_runs_the_page_shows_the_way_and_what_was_published(app: AppTest):
    open_page(app)
    assert "Nothing to compare yet" in texts(app)
    assert app.dataframe[0].value["method"].iloc[0] == "Zero-shot"
    assert "Published for Flan-T5-base on GLUE" in texts(app)


def test_the_runs_of_the_link_are_compared_best_first(finished: list[str], app: AppTest, tmp_path: Path):
    folder = tmp_path / "runs" / finished[2]
    measure_again(folder, (99.0,) * len(load_run(folder).config.tasks))
    open_page(app, runs=",".join([finished[0], finished[2]]))
    picker, board, differ, *_ = (frame.value for frame in app.dataframe)
    assert len(picker) == 3
    assert board["acc"].tolist() == [99.0, 79.0]
    assert board["setting"].tolist() == ["α = 0.5", "α = 0.8"]
    assert differ["alpha"].tolist() == ["0.5", "0.8"]
    assert "Published for CLIP ViT-B/32" in texts(app)
    assert app.query_params["runs"] == f"{finished[0]},{finished[2]}"


def test_all_runs_of_a_first_visit_are_compared_and_pooling_keeps_their_settings_apart(
    finished: list[str], app: AppTest
):
    open_page(app)
    app.toggle(key="pooled").set_value(True).run()
    assert not app.exception
    assert app.dataframe[1].value["n"].tolist() == [1, 1, 1]


def test_no_runs_ticked_and_runs_that_are_gone_are_said(finished: list[str], app: AppTest):
    open_page(app, runs=",".join([]))
    assert "Tick the runs" in texts(app)
    open_page(app, runs=",".join(["20200101-000000-otmf-0000", finished[0]]))
    assert "1 of the runs in this link is not here" in app.warning[0].value


def test_one_run_alone_has_no_charts_to_be_held_against_but_what_to_tick(finished: list[str], app: AppTest):
    open_page(app, runs=finished[0])
    assert "2 other runs merged the same tasks" in app.info[0].value
    assert len(app.get("plotly_chart")) == 1  # its matrix
    press(app, "compare-tick")
    assert app.query_params["runs"].split(",") == [finished[0], finished[2], finished[1]]
    assert len(app.dataframe[1].value) == 3
    assert not app.info


def test_the_only_finished_run_shows_the_way_to_another(engine, app: AppTest, tmp_path: Path):
    open_page(app, runs=many(tmp_path, 1, 2)[0])
    assert "another run of this library" in app.info[0].value
    assert [link.label for link in app.page_link] == ["Start a merge"]


def many(tmp_path: Path, count: int, tasks: int) -> list[str]:
    """Finished runs of different orders, newest first."""
    names = [f"t{index}" for index in range(tasks)]
    for index in range(count):
        order = names[index % tasks :] + names[: index % tasks]
        path = tmp_path / "runs" / f"20260101-0000{index:02d}-otmf-0000"
        create_run(path, MergeConfig.build(tasks=tuple(order), library="colours"))
        matrix = [[accuracy(step, task) for task in range(tasks)] for step in range(tasks + 1)]
        record = {**summary(matrix, [90.0] * tasks), "matrix": matrix, "individual": [90.0] * tasks, "seconds": 9.0}
        record |= {"calibration_split": "train", "memory_per_task": 256}
        (path / "record.json").write_text(json.dumps({**record, "tasks": order, "labels": "unlabelled images"}))
        set_status(path, "done")
    return sorted((path.name for path in (tmp_path / "runs").iterdir()), reverse=True)


def test_matrices_follow_the_runs_that_are_left(engine, app: AppTest, tmp_path: Path):
    runs = many(tmp_path, 4, 2)
    open_page(app, runs=",".join(runs))
    app.multiselect(key="matrices").set_value(["A", "D"]).run()
    assert not app.exception
    open_page(app, runs=",".join(runs[:3]))
    assert set(app.multiselect(key="matrices").value) <= {"A", "B", "C"}


def test_fifty_runs_of_twenty_tasks_are_compared_and_pooled(engine, app: AppTest, tmp_path: Path):
    open_page(app, runs=",".join(many(tmp_path, 50, 20)))
    assert len(app.dataframe[1].value) == 50
    app.toggle(key="pooled").set_value(True).run()
    assert not app.exception
    board = app.dataframe[1].value
    assert board["n"].tolist() == [20]  # 50 runs in 20 orders: a repeat counts once
    assert board["acc"].tolist() == ["61.0 ± 0.0"]  # the mean of 42, 44, …, 80


def test_a_rounded_zero_has_no_sign(finished: list[str], app: AppTest, tmp_path: Path):
    folder = tmp_path / "runs" / finished[0]
    measure_again(folder, (*(79.98,) * (len(load_run(folder).config.tasks) - 1), 80.0))
    open_page(app, runs=finished[0])
    (bwt,) = app.dataframe[1].value["bwt"]
    assert math.copysign(1.0, bwt) == 1.0 and bwt == 0.0
