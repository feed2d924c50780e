"""The button of a report on Runs, Alpha and Compare: which runs it takes, and when it is off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.report import button
from otmf_core.runs.folder import Run, set_status
from tests.dashboard.pages import opener


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """By the key of a button, the ids of the runs that it was drawn for."""
    found: dict[str, list[str]] = {}
    real = button.report_button

    def noted(runs: list[Run], key: str, command: str = "") -> None:
        found[key] = [run.id for run in runs]
        real(runs, key, command)

    for page in ("runs.tools", "compare.mine"):
        monkeypatch.setattr(f"dashboard.app_pages.{page}.report_button", noted)
    monkeypatch.setattr(button, "report_button", noted)  # a page.py imports it anew whenever it is run
    return found


def reports(app: AppTest) -> list[Any]:
    downloads: Any = app.get("download_button")
    return [each for each in downloads if each.label == "Report"]


def test_runs_offers_the_report_of_the_run_that_is_open(finished: list[str], app: AppTest, asked: dict):
    opener("runs")(app, run=finished[1])
    assert asked == {"runs-report": [finished[1]]} and len(reports(app)) == 1


def test_an_unfinished_run_has_none_and_says_why(finished: list[str], app: AppTest, tmp_path: Path):
    set_status(tmp_path / "runs" / finished[1], "stopped")
    opener("runs")(app, run=finished[1])
    off = app.button(key="runs-report")
    assert off.disabled and "is stopped" in off.help and not reports(app)


def test_alpha_offers_the_report_of_the_sweep(finished: list[str], app: AppTest, asked: dict):
    opener("alpha")(app, sequence=finished[0])
    assert sorted(asked["alpha-report"]) == sorted([finished[0], finished[2]]) and len(reports(app)) == 1


def test_compare_offers_the_report_of_what_is_ticked(finished: list[str], app: AppTest, asked: dict):
    opener("compare")(app, runs=",".join(finished[:2]))
    assert sorted(asked["compare-report"]) == sorted(finished[:2]) and len(reports(app)) == 1
