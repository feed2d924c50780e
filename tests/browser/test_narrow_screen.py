"""What a screen of 1024 pixels shows, in a real browser."""

from __future__ import annotations

import pytest

from tests.benchmarks.page_latency import READY
from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser

PAGES = ["Merge", "Accuracy", "Masks", "Features", "Alpha", "Compare", "Try it", "Library", "Runs"]
ROWS = """() => {
    const tops = [...document.querySelectorAll('.st-key-numbers-metrics .stColumn')].map(each => each.offsetTop);
    return [...new Set(tops)].map(top => tops.filter(each => each === top).length);
}"""


@pytest.mark.parametrize(("width", "rows"), [(1024, [4, 3]), (1440, [7])])
def test_no_page_hides_and_no_number_stands_alone(context, server: str, width: int, rows: list[int]):
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.set_viewport_size({"width": width, "height": 768})
    page.goto(f"{server}/accuracy?run=20261127-example")
    page.wait_for_function(READY, arg=True)
    shown = page.get_by_test_id("stTopNavLink").filter(visible=True)
    assert [text.strip().split("\n")[-1] for text in shown.all_inner_texts()] == PAGES
    assert page.evaluate(ROWS) == rows
