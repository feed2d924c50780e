"""Features taken by themselves, as pages show them: a switch among the options, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.runs.afterwards import KEY, afterwards
from tests.dashboard.pages import opener, texts, with_options


@pytest.fixture(autouse=True)
def own(engine) -> Iterator[None]:
    afterwards.clear()
    yield
    afterwards.clear()


def test_a_switch_turns_it_off_for_all_tabs(app: AppTest):
    with_options(app)
    assert app.toggle(key=KEY).value
    app.toggle(key=KEY).set_value(False).run()
    assert not app.exception
    assert not afterwards().on
    other = with_options(AppTest.from_file(app._script_path, default_timeout=60).run())
    assert not other.toggle(key=KEY).value


def test_the_environment_turns_it_off(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTMF_FEATURES", "off")
    assert not afterwards().on


def test_features_under_way_are_followed_and_others_offered(finished: list[str], app: AppTest):
    afterwards().done = (finished[0], 0.25)
    opener("features")(app, run=finished[0])
    assert "Features are being taken" in texts(app)
    assert app.get("progress")[0].proto.value == 25
    opener("features")(app, run=finished[1])
    assert "Features are not taken yet" in texts(app)
