"""The line below Run: from finished runs at once, else measured when asked for; never while a merge is under way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from otmf_core.errors import InputError
from otmf_core.forecast.sizes import Sizes
from otmf_core.forecast.work import Rates
from otmf_core.jobs.queue import job_queue
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import press, settle, texts, with_options

MIB = 2**20


@pytest.fixture
def measured(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> list:
    """The merges that were measured, with made-up rates: 0.1 s an iteration, nothing else."""
    asked: list = []

    def measure(config, library) -> Rates:
        asked.append(config)
        return Rates(0.1, 0.0, 0.0, 5.0, 600 * MIB, "measured on cpu: 100 ms a mask step, 900 images/s")

    def sizes(library, config) -> Sizes:
        counts = (10,) * len(config.tasks)
        return Sizes(MIB, 0, counts, counts, (0,) * len(config.tasks))

    monkeypatch.setattr("otmf_core.forecast.measure.measure", measure)
    monkeypatch.setattr("dashboard.app_pages.merge.estimate_line.sizes", sizes)
    st.cache_resource.clear()
    return asked


def test_a_measurement_is_taken_when_asked_for_and_kept(measured: list, app: AppTest):
    press(app, "estimate")
    # fusions of 56 iterations with 24 and 32 images, 0.1 s for 48, and 5 s to read, 11.5 s
    # 600 MiB and 7 float32 copies of 1 Mi parameters
    assert "About **12 s** · **628 MiB** of memory, measured on cpu: 100 ms a mask step" in texts(app)
    with_options(app).number_input(key="otmf.iterations").set_value(100).run()
    assert "About **17 s**" in texts(app)
    assert len(measured) == 1
    app.number_input(key="otmf.batch").set_value(32).run()  # another iteration than the one measured
    assert "About" not in texts(app)
    assert not app.button(key="estimate").disabled


def test_finished_runs_come_first(measured: list, finished: list[str], app: AppTest, tmp_path: Path):
    for run in finished:
        record = tmp_path / "runs" / run / "record.json"
        made_up = {"seconds": 16.0, "step_seconds": [5.0, 6.0], "peak_memory_bytes": 2048 * MIB}
        record.write_text(json.dumps({**json.loads(record.read_text()), **made_up}))
    app = AppTest.from_file(app._script_path, default_timeout=60)
    app.session_state["tasks"] = ["red", "green"]
    app.session_state["suite"] = None
    app.run()
    assert not app.exception
    assert "2.0 GiB** of memory, from 2 finished runs with these settings" in texts(app)
    assert measured == []


def test_nothing_is_measured_while_a_merge_runs(measured: list, app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.02
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "running")
    app.run()
    assert app.button(key="estimate").disabled
    job_queue(tmp_path / "runs").stop(run)
    settle(tmp_path, run, "stopped")
    assert not app.run().button(key="estimate").disabled


def test_a_library_that_cannot_be_measured_says_why(measured: list, app: AppTest, monkeypatch: pytest.MonkeyPatch):
    def refuse(config, library):
        raise InputError("a file is missing: weights")

    monkeypatch.setattr("otmf_core.forecast.measure.measure", refuse)
    press(app, "estimate")
    assert "No estimate: A file is missing: weights." in texts(app)
