"""Runs of format 1 on every page."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import APP
from tests.dashboard.pages import opener, texts
from tests.golden_runs import ALL, DEFAULT, DONE, copied_runs


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app on the golden runs."""
    copied_runs(tmp_path / "runs", monkeypatch)
    monkeypatch.setenv("OTMF_RUNS", str(tmp_path / "runs"))
    st.cache_data.clear()
    return AppTest.from_file(str(APP), default_timeout=60).run()


@pytest.mark.parametrize("run", ALL)
@pytest.mark.parametrize("page", ["merge", "runs"])
def test_pages_of_one_run_show_any_of_them(page: str, run: str, app: AppTest):
    opener(page)(app, run=run)
    assert "This run cannot be shown" not in texts(app)
    assert run in texts(app)


@pytest.mark.parametrize(
    ("page", "runs"),
    [("accuracy", DONE), ("masks", DONE[:2]), ("features", DONE[:1]), ("try_it", DONE)],
)
def test_pages_about_results_show_the_finished_ones(page: str, runs: tuple[str, ...], app: AppTest):
    for run in runs:
        opener(page)(app, run=run)
        assert not app.error
        assert not app.warning
        assert run in texts(app)


def test_alpha_compare_and_library_count_them(app: AppTest):
    opener("alpha")(app, sequence=DEFAULT)
    assert not app.error
    assert "1 done and reused" in texts(app)
    opener("compare")(app, runs=",".join(DONE))
    assert not app.error
    assert len(app.dataframe[1].value) == len(DONE)
    opener("library")(app)
    assert not app.error
    assert DEFAULT in texts(app) or DONE[-1] in texts(app)
