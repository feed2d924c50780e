"""Texts from strangers in a real browser: letters are seen, nothing is loaded or linked; nobody frames the app."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.benchmarks.page_latency import READY
from tests.browser.conftest import PATIENCE
from tests.hostile_texts import BARE, DONE, FAILED, HOST, NAME, TEXT, hostile_library, hostile_runs

pytestmark = pytest.mark.browser

DRAWN = f"""() => ({{
    links: [...document.querySelectorAll('a')].map(a => a.getAttribute('href') || '')
        .filter(href => /{HOST}|javascript:/.test(href)),
    pictures: [...document.querySelectorAll('img, image, source')]
        .map(part => part.getAttribute('src') || part.getAttribute('href') || '')
        .filter(from => from.includes('{HOST}')),
    formulas: document.querySelectorAll('.katex, .MathJax').length,
    charts: [...document.querySelectorAll('.js-plotly-plot text')].map(text => text.textContent),
    bold: [...document.querySelectorAll('.js-plotly-plot tspan')].filter(part => part.style.fontWeight).length,
}})"""


@pytest.fixture
def library(tiny: Path, tmp_path: Path) -> Path:
    """The hostile library; the dashboard's runs folder has its runs."""
    library = hostile_library(tiny, tmp_path / "library")
    hostile_runs(library, tmp_path / "runs")
    return library


def foreign(address: str) -> bool:
    """Whether an address is on another host."""
    return urlsplit(address).hostname not in (None, "127.0.0.1")


def test_hostile_texts_are_seen_letter_by_letter(context, library: Path, server: str):
    problems: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: problems.append(request.url) if foreign(request.url) else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.set_default_timeout(PATIENCE)
    shown = f"library={quote(str(library))}"
    pages = {  # what has to be read on each, letter by letter, and whether a chart writes a task's name
        f"?run={FAILED}&{shown}": (TEXT, True),
        f"accuracy?run={DONE}": (f"on {TEXT}", True),
        f"accuracy?run={quote(NAME)}": (f"of run {NAME}. This", True),
        f"runs?run={BARE}": (TEXT, True),
        f"masks?run={DONE}": (TEXT, False),
        f"compare?runs={DONE}": ("Leaderboard", True),
        f"alpha?sequence={quote(NAME)}": (f"no run {NAME} to sweep", True),
        f"try_it?run={DONE}": (f"24 of 24 test images of {NAME}0", False),
        f"library?{shown}&task={quote(NAME)}": (f"{NAME} has no task '{NAME}'", True),
    }
    for address, (text, in_chart) in pages.items():
        page.goto(f"{server}/{address}")
        page.get_by_text(text).first.wait_for()
        page.wait_for_function(READY, arg=True)
        drawn = page.evaluate(DRAWN)
        assert (address, drawn["links"], drawn["pictures"], drawn["formulas"]) == (address, [], [], 0)
        assert drawn["bold"] == 0
        assert any(NAME in written for written in drawn["charts"]) or not in_chart, address
    assert problems == []


def test_no_site_frames_the_app(context, server: str):
    for address in ("", "accuracy", "_stcore/health"):
        with urllib.request.urlopen(f"{server}/{address}") as answer:
            assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    page = context.new_page()
    page.set_content(f"<iframe src='{server}'></iframe>")
    frame = page.frames[1]
    frame.wait_for_load_state()
    assert frame.url != f"{server}/"
