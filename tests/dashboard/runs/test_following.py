"""A run that another process merges, followed by what its folder says."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import psutil
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.runs import following, panel, picker
from otmf_core import layout
from otmf_core.files import write_json
from otmf_core.runs.folder import set_status
from tests.dashboard.pages import metrics, opener, texts


@pytest.fixture
def elsewhere(finished: list[str], tmp_path: Path) -> Path:
    """The newest run as another process merges it, with its first step done."""
    run = tmp_path / "runs" / finished[-1]
    at_step(run, 1)
    set_status(run, "running")
    started = psutil.Process(os.getppid()).create_time()
    write_json(run / layout.CLAIM, {"host": platform.node(), "pid": os.getppid(), "started": started})
    return run


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
    (elsewhere / layout.CLAIM).unlink()  # the other process is gone: interrupted
    assert looks_again()
    (elsewhere / layout.STATUS).write_text("{")
    assert looks_again()
