"""What the tests of pages share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from otmf_core.jobs.queue import JobQueue, job_queue
from otmf_core.runs.view import RunView


def with_options(app: AppTest, opened: bool = True) -> AppTest:
    """The Merge page with its options opened, or closed again."""
    app.session_state["options_open"] = opened
    app.run()
    assert not app.exception
    return app


def opener(page: str) -> Callable[..., AppTest]:
    """A function that opens a page by a link; it shows no exception."""

    def open_page(app: AppTest, **link: str | None) -> AppTest:
        app.switch_page(f"app_pages/{page}/page.py")
        for name, value in link.items():
            if value is not None:
                app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return open_page


def texts(app: AppTest) -> str:
    """Everything the page says."""
    parts = [*app.markdown, *app.caption, *app.subheader, *app.error, *app.warning, *app.info]
    return "\n".join(str(part.value) for part in parts)


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def widget(app: AppTest, key: str) -> Any:
    """The widget with this key, of any kind."""
    return app.get_by_key(key)


def snapshot(tmp_path: Path, run: str) -> RunView:
    """The run as the queue of the dashboard's process has it."""
    view = job_queue(tmp_path / "runs").snapshot(run)
    assert view is not None, run
    return view


def drained(queue: JobQueue) -> None:
    """Waits until the queue is empty; it sleeps, as its thread stands behind all others."""
    deadline = time.monotonic() + 60
    while queue.active():
        assert time.monotonic() < deadline, f"waited in vain: {queue.active()}"
        time.sleep(0.002)


def settle(tmp_path: Path, run: str, *statuses: str) -> None:
    """Waits until the run has one of these statuses."""
    queue = job_queue(tmp_path / "runs")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        view = queue.snapshot(run)
        if view and view.status in statuses:
            return
        time.sleep(0.005)
    raise AssertionError(f"waited in vain: {queue.snapshot(run)}")
