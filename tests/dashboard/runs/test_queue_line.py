"""The line on every page that tells of the queue."""

from __future__ import annotations

import time
from pathlib import Path

from streamlit.testing.v1 import AppTest

from dashboard.runs.queue_line import progress_text
from otmf_core.config import MergeConfig
from otmf_core.jobs.queue import job_queue
from otmf_core.runs.view import RunView
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import press, settle, snapshot


def links(app: AppTest) -> list[str]:
    return [link.proto.label for link in app.get("page_link") if "Merging" in link.proto.label]


def test_other_pages_tell_of_the_running_merge(app: AppTest, engine: FakeEngine, tmp_path: Path):
    app.switch_page("app_pages/runs/page.py").run()
    assert links(app) == []
    app.switch_page("app_pages/merge/page.py").run()
    engine.pause = 0.05
    press(app, "run")
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "running")
    while not snapshot(tmp_path, run).device:
        time.sleep(0.005)
    assert links(app) == []  # the page itself shows the queue
    for page in ("app_pages/runs/page.py", "app_pages/accuracy/page.py"):
        app.switch_page(page).run()
        assert not app.exception
        (line,) = links(app)
        assert "OTMF · 3 tasks · α = 0.8" in line and line.endswith("1 waiting")
        (link,) = (link for link in app.get("page_link") if "Merging" in link.proto.label)
        assert link.proto.query_string == f"run={run}"
    job_queue(tmp_path / "runs").close()
    assert links(app.run()) == []


def test_progress_in_words():
    config = MergeConfig.build(tasks=("a", "b"), method="average")
    view = RunView("r", config, iterations=1, matrix=((1.0, 2.0), None, None), eta_seconds=64.0)
    # one row of three is there and no iteration of one: a quarter
    assert progress_text(view, 0, 0) == "Merging: **25%** · Average · 2 tasks · about 1 min 4 s left"
    assert progress_text(view, 1, 2).endswith(" · 1 more merging · 2 waiting")
