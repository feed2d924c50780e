"""One merge in a real browser: started, watched, left, refreshed, seen in a second tab, stopped, resumed, finished."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PATIENCE = 120_000  # ms; generous, for machines that are busy with something else


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The dashboard as users start it, on a free port with a runs folder of its own; its log must stay clean."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    options = ["--server.port", str(port), "--server.headless", "true", "--server.fileWatcherType", "none"]
    log = tmp_path / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command + options,
            cwd=ROOT,
            env={**os.environ, "OTMF_RUNS": str(tmp_path / "runs")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/_stcore/health", process, log)
            yield address
        finally:
            process.terminate()
            process.wait(30)
    said = log.read_text()
    assert not re.search("deprecat|Traceback|Error", said), said


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text()}")


@pytest.fixture
def context() -> Iterator:
    """A browser window, 1440 × 900."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install it (Debian: apt install chromium) to run the browser tests")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_context(viewport={"width": 1440, "height": 900})
        browser.close()


def remove_last_task(page, tasks: int) -> None:
    """Clicks the cross of the last of `tasks` rows; the table is drawn on a canvas, so by its place."""
    table = page.get_by_test_id("stDataFrame")
    box = table.bounding_box()
    row_height = (box["height"] - 38) / tasks
    table.click(position={"x": box["width"] - 20, "y": 36 + row_height * (tasks - 0.5)})
    page.get_by_text(f"merge {tasks - 1} fine-tuned models").wait_for(timeout=PATIENCE)


def overall(page) -> int:
    """The overall progress in percent."""
    return int(page.get_by_role("progressbar").first.get_attribute("aria-valuenow"))


def test_a_merge_is_watched_stopped_and_resumed(context, server: str, tmp_path: Path):
    problems: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_default_timeout(PATIENCE)

    page.goto(server)
    page.get_by_text("merge 8 fine-tuned models").wait_for()
    page.get_by_test_id("stDataFrame").wait_for()
    for tasks in range(8, 3, -1):
        remove_last_task(page, tasks)
    page.get_by_text("Options").click()
    steps = page.get_by_role("spinbutton", name="Mask steps")
    steps.fill("150")
    steps.press("Enter")
    page.get_by_role("button", name="Run", exact=True).click()

    page.get_by_text(re.compile(r"Fusion \d of 2")).wait_for()
    run = re.search(r"\?run=([\w-]+)", page.url).group(1)
    before = overall(page)
    page.wait_for_function(
        "before => Number(document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')) > before",
        arg=before,
    )

    page.get_by_role("link", name="Runs").click()
    page.wait_for_url(re.compile(r"/runs\b"))
    page.get_by_text(f"run {run}").wait_for()
    page.get_by_role("link", name="Merge").click()
    page.wait_for_url(re.compile(rf"/\?run={run}"))
    page.get_by_text(f"run {run}").wait_for()
    page.reload()
    page.get_by_text(re.compile(r"Fusion \d of 2")).wait_for()
    assert run in page.url

    other = context.new_page()
    other.goto(server)
    other.get_by_text(f"run {run}").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Pause").click()
    for tab in (page, other):
        tab.get_by_text(re.compile("Paused$")).wait_for(timeout=PATIENCE)
    status = tmp_path / "runs" / run / "status.json"
    assert json.loads(status.read_text())["status"] == "stopped"

    page.get_by_role("button", name="Resume").click()
    page.get_by_text(re.compile("Done$")).wait_for()
    record = json.loads((tmp_path / "runs" / run / "record.json").read_text())
    metric = page.get_by_test_id("stMetric").filter(has_text="ACC")
    assert metric.get_by_test_id("stMetricValue").inner_text() == f"{record['acc']:.1f}%"
    assert len(record["tasks"]) == 3
    assert problems == []
