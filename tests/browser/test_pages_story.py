"""A finished merge looked at from every page in a real browser, swept over α, compared, exported, and brought back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.page_latency import READY
from tests.browser.conftest import PATIENCE, ROOT

pytestmark = pytest.mark.browser

MERGE = ["merge", "--tasks", "mnist,thai,flags-europe", "--steps", "12", "--json", "--out"]


@pytest.fixture
def merged(tmp_path: Path) -> dict:
    """The record of a merge of three tasks, by the command line."""
    command = [sys.executable, "-m", "otmf_core", *MERGE, str(tmp_path / "runs")]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)


def metric(page, label: str) -> str:
    """The value of the metric whose label begins so."""
    found = page.get_by_test_id("stMetric").filter(has_text=re.compile(f"^{re.escape(label)}"))
    return found.get_by_test_id("stMetricValue").first.inner_text()


def points(page, alt: str) -> list[int]:
    """How many points every trace has drawn, of the chart whose alternative text begins so."""
    return page.evaluate(
        """alt => {
            const charts = [...document.querySelectorAll('[data-testid=stPlotlyChart]')];
            const named = charts.find(each => [each, ...each.querySelectorAll('[aria-label]')].some(
                part => (part.getAttribute('aria-label') || '').startsWith(alt)));
            return (named?.querySelector('.js-plotly-plot')?.calcdata || []).map(trace => trace.length);
        }""",
        alt,
    )


def whole(page) -> None:
    """Waits until what lies below the first screen is drawn, too; no chart has a label that it cuts off."""
    page.wait_for_function(READY, arg=True)
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(chart => {
            const frame = chart.getBoundingClientRect();
            return [...chart.querySelectorAll('text')].filter(text => {
                const box = text.getBoundingClientRect();
                return box.width && text.checkVisibility({ opacityProperty: true, visibilityProperty: true })
                    && (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1);
            }).map(text => text.textContent);
        })"""
    )
    assert cut == []


def test_a_finished_merge_is_looked_at_from_every_page(context, merged: dict, server: str, tmp_path: Path):
    problems: list[str] = []
    page = context.new_page()

    def said(message) -> None:
        # on a link to a page Streamlit's client looks for its server below that page first
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            problems.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_default_timeout(PATIENCE)
    run, folder = merged["run"], tmp_path / "runs" / merged["run"]

    page.goto(f"{server}/accuracy?run={run}")
    page.get_by_text(f"run {run}").wait_for()
    assert metric(page, "ACC") == f"{merged['acc']:.1f}%"
    assert metric(page, "BWT").replace("−", "-") == f"{merged['bwt']:+.1f}"
    whole(page)
    assert len(page.locator(".js-plotly-plot").all()) == 4
    page.get_by_test_id("stMainMenu").click()
    page.get_by_test_id("stMainMenuList").get_by_text("Dark").last.click()
    page.wait_for_function(  # charts follow the page's theme, without a reload
        "[...document.querySelectorAll('.js-plotly-plot')].every(chart => chart.layout.paper_bgcolor === '#12141c')"
    )
    page.keyboard.press("Escape")

    page.get_by_role("link", name="Masks").click()
    page.get_by_text("Mean mask of every tensor").wait_for()
    assert f"run={run}" in page.url
    page.get_by_text("Sparsity", exact=True).click()
    page.get_by_text("threshold 0.10").wait_for()
    whole(page)
    below = float(metric(page, "Sparsity, pre").rstrip("%"))
    threshold = page.get_by_role("slider", name="Threshold")
    threshold.focus()
    for _ in range(40):
        threshold.press("ArrowRight")
    page.get_by_text("threshold 0.50").wait_for()
    assert float(metric(page, "Sparsity, pre").rstrip("%")) > below
    assert "threshold=0.5" in page.url

    page.get_by_role("link", name="Features").click()
    page.get_by_role("button", name="Take features").click()
    page.get_by_text("Transport plan").wait_for()
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 3")
    assert sum(points(page, "Features of")) >= 3 * 24  # three models of as many images
    assert (folder / "features").is_dir()
    whole(page)
    dot = page.locator(".st-key-map .scatterlayer .point").last.bounding_box()
    for step in (2, 3):  # Plotly looks at moves, not at positions
        page.mouse.move(dot["x"] + step, dot["y"] + step)
    page.locator("img.otmf-hover").wait_for()
    assert page.locator("img.otmf-hover").evaluate("picture => picture.naturalWidth") == 96

    page.get_by_role("link", name="Try it").click()
    page.get_by_text("the five most probable of").wait_for()
    assert len(page.get_by_test_id("stMetric").all()) >= 3

    page.goto(f"{server}/alpha?sequence={run}&alphas=0.6&alphas=0.7&alphas=0.8")
    page.get_by_text("1 done and reused").wait_for()
    page.get_by_role("button", name="Run 2 merges").click()
    page.get_by_text("3 done and reused").wait_for()
    assert len(list((tmp_path / "runs").glob("*/record.json"))) == 3
    whole(page)
    page.get_by_role("button", name="Use α").click()
    page.wait_for_url(re.compile(rf"^{re.escape(server)}/?(\?.*)?$"))
    page.get_by_role("slider", name="α, retention").wait_for()

    page.get_by_role("link", name="Compare").click()
    page.get_by_text("My runs", exact=True).click()
    page.get_by_text("Leaderboard").wait_for()
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 2")
    assert points(page, "Along the merge") == [3, 3, 3]  # three runs, three steps
    whole(page)
    page.get_by_role("link", name="Library").click()
    page.get_by_text("Checkpoints").wait_for()
    whole(page)

    page.goto(f"{server}/runs?run={run}")
    page.get_by_text("Transport losses").wait_for()
    whole(page)
    page.get_by_role("button", name="Export model").click()
    page.get_by_role("button", name="Download model").wait_for()
    assert (folder / "export" / "README.md").is_file()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download run").click()
    zipped = tmp_path / "run.zip"
    download.value.save_as(zipped)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("2 runs").wait_for()
    assert not folder.exists()
    page.get_by_role("button", name="Import").click()
    page.locator("input[type=file]").set_input_files(zipped)
    page.get_by_text("3 runs").wait_for()
    assert json.loads((folder / "record.json").read_text())["acc"] == merged["acc"]
    shutil.copytree(folder, folder.with_name("20260101-000000-otmf-0000"))  # as another program would
    page.get_by_text("4 runs").wait_for()
    assert problems == []
