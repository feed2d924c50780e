"""A run that another process merges, followed by what its folder says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.runs import following, panel, picker
from otmf_core import layout
from otmf_core.files import write_json
from otmf_core.jobs.queue import job_queue
from otmf_core.runs import lock
from otmf_core.runs.folder import set_status
from otmf_core.runs.lock import owned, owner
from tests.dashboard.pages import drained, metrics, opener, press, settle, texts


@pytest.fixture
def elsewhere(finished: list[str], tmp_path: Path) -> Iterator[Path]:
    """The newest run as another process merges it, with its first step done."""
    run = tmp_path / "runs" / finished[-1]
    at_step(run, 1)
    set_status(run, "running")
    with owned(run):
        yield run


def at_step(run: Path, step: int) -> None:
    """Write the state of a finished run as it was at the end of a step."""
    rows = json.loads((run / layout.RECORD).read_text())["matrix"][: step + 1]
    state = json.loads((run / layout.STATE).read_text())
    write_json(run / layout.STATE, {**state, "step": step, "matrix": rows, "individual": [90.0] * step})


@pytest.mark.parametrize("page", ["merge", "runs", "accuracy"])
def test_pages_follow_a_run_of_another_process(
    page: str, elsewhere: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    followed: list[Any] = []
    for module in (panel, picker):
        monkeypatch.setattr(module, "follow", lambda *what: followed.append(what))
    for step, mean in ((1, "80.0%"), (2, "79.0%")):
        at_step(elsewhere, step)
        opener(page)(app, run=elsewhere.name)
        assert followed == [(elsewhere.name, ("running", step + 1))]
        assert metrics(app)["Mean so far"] == mean
        assert page == "accuracy" or "Another process is merging this run." in texts(app)
        followed.clear()
    set_status(elsewhere, "done")
    opener(page)(app, run=elsewhere.name)
    assert followed == []
    assert metrics(app)["ACC"] == "79.0%"


def test_a_page_is_drawn_anew_when_the_folder_says_more(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    drawn_anew: list[bool] = []
    monkeypatch.setattr(st, "rerun", lambda: drawn_anew.append(True))
    look: Any = following.follow

    def looks_again() -> bool:
        """Whether the page that shows the first step done is drawn anew, when it looks again."""
        drawn_anew.clear()
        look.__wrapped__(elsewhere.name, ("running", 2))
        return drawn_anew == [True]

    assert not looks_again()
    at_step(elsewhere, 2)
    assert looks_again()
    at_step(elsewhere, 1)
    assert not looks_again()
    (elsewhere / layout.CLAIM).unlink()  # the other process is gone, its lock with it: interrupted
    monkeypatch.setattr(lock, "is_locked", lambda path: False)
    assert looks_again()
    (elsewhere / layout.STATUS).write_text("{")
    assert looks_again()


def test_a_claim_of_which_nothing_is_known_is_taken_over_by_hand(finished: list[str], app: AppTest, tmp_path: Path):
    run = tmp_path / "runs" / finished[0]
    (run / layout.RECORD).unlink()
    at_end = json.loads((run / layout.STATE).read_text())
    write_json(run / layout.STATE, {**at_end, "step": 1, "matrix": at_end["matrix"][:2], "individual": [90.0]})
    set_status(run, "running")
    write_json(run / layout.CLAIM, {"host": "elsewhere", "boot": "another", "pid": 1, "locked": True})
    opener("merge")(app, run=run.name)
    assert "A process of elsewhere claims this run" in texts(app)
    press(app, f"take-over-{run.name}")
    settle(tmp_path, run.name, "done")
    assert owner(run) is None


def test_the_queue_that_loses_a_run_lets_it_go(finished: list[str], app: AppTest, tmp_path: Path):
    """Two servers on one folder: what the other one merges has not failed here."""
    run = tmp_path / "runs" / finished[0]
    set_status(run, "stopped")
    (run / layout.RECORD).unlink()
    queue = job_queue(tmp_path / "runs")
    with owned(run):
        queue.resume(run.name)
        drained(queue)
        assert queue.snapshot(run.name) is None
