"""Texts of libraries and runs on every page: wherever Markdown or Plotly would act on them, they are escaped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.merge import welcome
from dashboard.text import chart_letters, letters
from dashboard.ui import deferred
from otmf_core.analysis.features import take_features
from otmf_core.config import MergeConfig
from tests.dashboard.conftest import APP
from tests.dashboard.pages import opener
from tests.hostile_texts import BARE, DONE, FAILED, MARK, NAME, TEXT, hostile_library, hostile_runs
from tests.tiny import merged

SPEC = "PlotlyChart.spec"
# Fields that Streamlit shows as they are, or does not show; cells of tables, too, but those are Arrow.
PLAIN = {
    "BidiComponent.json",
    "Dataframe.alt",
    "Image.alt",
    "Json.body",
    "MultiSelect.options",
    "PlotlyChart.alt",
    "PlotlyChart.config",
    "Selectbox.options",
    "Selectbox.raw_value",
    "TextArea.value",
    "TextInput.value",
}


@pytest.fixture(scope="module")
def stored(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The hostile library, and the folder of its runs; features of one are taken."""
    folder = tmp_path_factory.mktemp("hostile")
    library = hostile_library(tiny, folder / "library")
    hostile_runs(library, folder / "runs")
    take_features(folder / "runs" / DONE, lambda done: None)
    return library, folder / "runs"


@pytest.fixture
def app(stored: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app on the hostile runs."""
    monkeypatch.setenv("OTMF_RUNS", str(stored[1]))
    monkeypatch.setattr(deferred, "arrive", lambda page: None)
    st.cache_data.clear()
    return AppTest.from_file(str(APP), default_timeout=60).run()


def strings(message: Message) -> Iterator[tuple[str, str]]:
    """Every string in a message with its field, at every depth."""
    for field, value in message.ListFields():
        values = list(value) if hasattr(value, "__len__") and not isinstance(value, (str, bytes)) else [value]
        for each in values:
            if isinstance(each, Message):
                yield from strings(each)
            elif isinstance(each, str):
                name = f"{message.DESCRIPTOR.name}.{field.name}"
                yield from ((name, text) for text in leaves(json.loads(each) if name == SPEC else each))


def leaves(value: Any) -> Iterator[str]:
    """Every string in what a JSON text held."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)


def marked(app: AppTest) -> list[tuple[str, str]]:
    """Every string of the page with a hostile text in it, and its field."""
    nodes: list[Any] = [app._tree]
    found = []
    while nodes:
        node = nodes.pop()
        nodes += getattr(node, "children", {}).values()
        if isinstance(proto := getattr(node, "proto", None), Message):
            found += [(field, text) for field, text in strings(proto) if MARK in text]
    return found


def acted_upon(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those strings in which a hostile text would do something."""
    bad = []
    for field, text in found:
        if field in PLAIN:
            continue
        if field == SPEC:
            rest = text.replace(chart_letters(NAME), "")
        else:
            rest = text.replace(letters(TEXT), "").replace(letters(NAME), "")
        if MARK in rest:
            bad.append((field, text))
    return bad


@pytest.mark.parametrize(
    ("page", "link", "least"),
    [
        ("merge", {"run": DONE}, 3),
        ("merge", {"run": FAILED}, 3),
        ("merge", {"run": BARE}, 3),
        ("accuracy", {"run": DONE}, 5),
        ("accuracy", {"run": BARE}, 5),
        ("masks", {"run": DONE}, 3),
        ("features", {"run": DONE}, 6),
        ("alpha", {}, 3),
        ("compare", {}, 4),
        ("try_it", {"run": DONE}, 6),
        ("try_it", {"run": BARE}, 2),
        ("library", {}, 8),
        ("runs", {"run": DONE}, 4),
        ("runs", {"run": FAILED}, 4),
    ],
)
def test_pages_show_hostile_texts_letter_by_letter(
    page: str, link: dict[str, str], least: int, stored: tuple[Path, Path], app: AppTest
):
    app.session_state["library_chosen"] = str(stored[0])
    app.session_state["compare_view"] = "My runs"
    opener(page)(app, **link)
    found = marked(app)
    assert len(found) >= least
    assert acted_upon(found) == []


@pytest.fixture(scope="module")
def stored_words(hostile_words: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The hostile library of texts, and the folder of a run of it."""
    runs = tmp_path_factory.mktemp("hostile-texts") / "runs"
    tasks = ("mood", "same", "scale")
    merged(MergeConfig.build(tasks=tasks, library=str(hostile_words), method="average", device="cpu"), runs, DONE)
    return hostile_words, runs


@pytest.mark.parametrize(
    ("page", "link", "least"),
    [
        ("merge", {}, 8),
        ("try_it", {"run": DONE, "task": "same"}, 6),
        ("try_it", {"run": DONE, "task": "mood", "text_source": "Type"}, 4),
        ("library", {"task": "mood"}, 8),
        ("library", {"task": "scale"}, 8),
    ],
)
def test_pages_show_hostile_texts_of_tables_letter_by_letter(
    page: str,
    link: dict[str, str],
    least: int,
    stored_words: tuple[Path, Path],
    app: AppTest,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("OTMF_RUNS", str(stored_words[1]))
    monkeypatch.setattr(welcome, "LONGEST_SAMPLE", 10_000)  # nothing is left out, so that all of it is looked at
    app.session_state["library_chosen"] = str(stored_words[0])
    opener(page)(app, **link)
    assert not app.error
    found = marked(app)
    assert len(found) >= least
    assert acted_upon(found) == []
