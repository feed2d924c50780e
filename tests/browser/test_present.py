"""A run presented by keys in a real browser: slides, replay, and a link to what is shown."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser

EXAMPLE = "20261127-example"


def test_a_run_is_presented_by_keys_and_a_view_is_a_link(context, server: str):
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_default_timeout(PATIENCE)
    page.goto(f"{server}/present?run={EXAMPLE}")
    page.locator("dialog[data-slide=title]").wait_for()
    for slide in ("curves", "matrix", "losses", "masks", "forgetting", "features", "final"):
        page.keyboard.press("ArrowRight")
        page.locator(f"dialog[data-slide={slide}]").wait_for()
    page.keyboard.press("ArrowRight")  # there is no further one
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.locator("dialog[data-slide=matrix]").wait_for()

    seen = "[...document.querySelectorAll('*')].map(each => each.shadowRoot?.querySelector('dialog')).find(Boolean)"
    cells = f"() => [...({seen}).querySelectorAll('.cell')].filter(each => each.style.opacity === '1').length"
    assert page.evaluate(cells) == 4  # of the pre-trained model
    page.keyboard.press("ArrowUp")
    page.get_by_text("step 1 of 4").wait_for()
    assert page.evaluate(cells) > 4
    page.keyboard.press("+")
    page.keyboard.press("Space")
    page.get_by_text("step 4 of 4").wait_for()
    page.wait_for_url(re.compile(f"run={EXAMPLE}.*chart=matrix.*step=4.*speed=2"))
    page.keyboard.press("Home")
    page.get_by_text("pre-trained", exact=True).wait_for()
    page.keyboard.press("End")
    page.wait_for_url(re.compile("step=4"))

    other = context.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(page.url)
    other.locator("dialog[data-slide=matrix]").wait_for()
    other.get_by_text("step 4 of 4").wait_for()

    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(rf"/accuracy\?run={EXAMPLE}"))
    page.get_by_text(f"run {EXAMPLE}").wait_for()
    assert page.locator("dialog[data-slide]").count() == 0
    assert problems == []
