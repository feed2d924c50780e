"""The Present page: its slides by what the run stored, the view of a link, and runs that it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.present import stage
from otmf_core.runs.folder import load_run, set_status
from tests.dashboard.pages import opener, texts
from tests.made_runs import measure_again

Shown = list[dict[str, Any]]
open_page = opener("present")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What the stage was given, drawing after drawing, as a browser would have it."""
    drawn: Shown = []

    def draw(key: str, data: dict[str, Any], **callbacks: Any) -> SimpleNamespace:
        drawn.append(json.loads(json.dumps(data)))
        return SimpleNamespace(left=False)

    monkeypatch.setattr(stage, "_stage", draw)
    return drawn


def slide(shown: Shown, name: str) -> dict[str, Any]:
    return next(slide for slide in shown[-1]["slides"] if slide["id"] == name)


def test_slides_hold_what_the_run_stored(finished: list[str], app: AppTest, shown: Shown):
    open_page(app, run=finished[0])
    assert [each["id"] for each in shown[-1]["slides"]] == [
        "title",
        "curves",
        "matrix",
        "losses",
        "forgetting",
        "final",
    ]
    assert [task["name"] for task in shown[-1]["tasks"]] == ["Red", "Green"]
    assert slide(shown, "title")["title"] == "OTMF · 2 tasks · α = 0.8"
    assert "labels: unlabelled images" in slide(shown, "title")["protocol"]
    assert slide(shown, "matrix")["matrix"] == [[30.0, 30.0], [80.0, 30.0], [78.0, 80.0]]
    assert slide(shown, "curves")["levels"] == [
        {"name": "Zero-shot", "value": 30.0},
        {"name": "Individual", "value": 90.0},
    ]
    assert slide(shown, "losses")["fusions"] == {"2": {"pre": [0.2] * 3, "post": [1.0, 1 / 2, 1 / 3]}}
    assert slide(shown, "forgetting")["bwt"] == [None, None, -2.0]


def test_the_average_stands_beside_the_merge_where_it_is_known(
    finished: list[str], app: AppTest, shown: Shown, tmp_path: Path
):
    measure_again(tmp_path / "runs" / finished[1], (61.0, 65.0))
    open_page(app, run=finished[0])
    bars = [(bar["name"], bar["value"]) for bar in slide(shown, "final")["bars"]]
    assert bars == [("Zero-shot", 30.0), ("Simple average", 63.0), ("This merge", 79.0), ("Individual", 90.0)]
    open_page(app, run=finished[1])
    assert [bar["name"] for bar in slide(shown, "final")["bars"]] == ["Zero-shot", "This merge", "Individual"]
    assert "losses" not in [each["id"] for each in shown[-1]["slides"]]


@pytest.mark.parametrize(
    ("link", "view"),
    [
        ({}, {"chart": "title", "step": 0.0, "speed": 1.0}),
        ({"chart": "matrix", "step": "1.5", "speed": "4"}, {"chart": "matrix", "step": 1.5, "speed": 4.0}),
        ({"chart": "masks", "step": "99", "speed": "1e9"}, {"chart": "title", "step": 2.0, "speed": 20.0}),
        ({"chart": "<b>", "step": "nan", "speed": "fast"}, {"chart": "title", "step": 0.0, "speed": 1.0}),
    ],
)
def test_a_link_is_a_view(finished: list[str], app: AppTest, shown: Shown, link: dict[str, str], view: dict[str, Any]):
    open_page(app, run=finished[0], **link)
    assert shown[-1]["view"] == view


def test_an_unfinished_a_damaged_and_an_unknown_run_are_refused_in_one_sentence(
    finished: list[str], app: AppTest, shown: Shown, tmp_path: Path
):
    unfinished, damaged = tmp_path / "runs" / finished[0], tmp_path / "runs" / finished[2]
    (unfinished / "record.json").unlink()
    set_status(unfinished, "stopped")
    assert load_run(unfinished).status == "stopped"
    (damaged / "steps/02/curves.parquet").write_bytes(b"damaged")
    for run, said in (
        (finished[0], "A run is presented once it is done"),
        (finished[2], "Loss curves come as a Parquet table"),
        ("../<b>", "A file must lie inside its folder"),
    ):
        open_page(app, run=run)
        assert len(app.error) == 1
        assert said in app.error[0].value
        assert len(app.error[0].value) < 500
    assert shown == []


def test_without_runs_the_page_shows_the_way(app: AppTest, shown: Shown):
    open_page(app)
    assert "Nothing to present yet" in texts(app)
    assert [link.label for link in app.page_link] == ["Start a merge"]


@pytest.mark.parametrize("page", ["accuracy", "runs"])
def test_a_finished_run_leads_there(finished: list[str], app: AppTest, page: str):
    opener(page)(app, run=finished[0])
    assert "Present" in [link.label for link in app.page_link]
