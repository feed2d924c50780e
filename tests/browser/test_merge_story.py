"""One merge in a real browser: started, watched, left, refreshed, seen in a second tab, stopped, resumed, finished."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser


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
    iterations = page.get_by_role("spinbutton", name="Iterations")
    iterations.fill("100")
    iterations.press("Enter")
    page.get_by_role("button", name="Run", exact=True).click()

    page.get_by_text(re.compile(r"Fusion \d of 2")).wait_for()
    address = re.search(r"\?run=([\w-]+)", page.url)
    assert address is not None
    run = address.group(1)
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

    other.get_by_role("link", name="Accuracy").click()
    other.get_by_test_id("stMetric").filter(has_text="Mean so far").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Resume").click()
    page.get_by_text(re.compile(r"Fusion \d of 2")).wait_for()
    other.reload()
    page.get_by_text(re.compile("Done$")).wait_for()
    # the other tab followed the running merge, without a click, until its figures were final
    other.get_by_test_id("stMetric").filter(has_text="Normalised ACC").wait_for(timeout=PATIENCE)
    record = json.loads((tmp_path / "runs" / run / "record.json").read_text())
    metric = page.get_by_test_id("stMetric").filter(has_text="ACC")
    assert metric.get_by_test_id("stMetricValue").inner_text() == f"{record['acc']:.1f}%"
    assert len(record["tasks"]) == 3
    assert problems == []
