"""The example run: on every page before there is another, read-only, hidden on demand, counted by no table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.state import is_example, run_folder
from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.jobs.queue import JobQueue
from otmf_core.runs.folder import list_runs
from tests.dashboard.pages import drained, opener, press, texts

READ_ONLY = "It came with the program: to be looked at, not renamed, resumed or deleted."


@pytest.fixture
def example(engine: Any, tmp_path: Path) -> str:
    """A whole example run, and the figures of the same merge with another α."""
    folder = tmp_path / "assets" / "runs"
    queue = JobQueue(folder, engine)
    for name, alpha in (("20250101-example", 0.8), ("20250101-example-alpha-0.5", 0.5)):
        tasks = ("red", "green")
        run = queue.submit(MergeConfig.build(tasks=tasks, library="colours", iterations=4, alpha=alpha))
        drained(queue)
        (folder / run).rename(folder / name)
    (folder / "20250101-example-alpha-0.5" / layout.MERGED).unlink()
    return "20250101-example"


@pytest.mark.parametrize("page", ["accuracy", "features", "try_it"])
def test_a_page_without_runs_shows_the_example_marked_so(page: str, example: str, app: AppTest):
    opener(page)(app)
    picker = app.selectbox(key=f"{page}-run-choice")
    assert picker.options == ["Example · OTMF · 2 tasks · α = 0.8 · ACC 79.0% · done"]
    assert READ_ONLY in texts(app)
    assert app.query_params["run"] == example


@pytest.mark.parametrize("page", ["accuracy", "try_it"])
def test_own_runs_take_its_place(page: str, example: str, finished: list[str], app: AppTest):
    opener(page)(app)
    assert not any("Example" in option for option in app.selectbox(key=f"{page}-run-choice").options)
    assert READ_ONLY not in texts(app)


def test_a_link_opens_it_beside_own_runs(example: str, finished: list[str], app: AppTest):
    opener("accuracy")(app, run=example)
    assert app.selectbox(key="accuracy-run-choice").value == example
    assert len(app.selectbox(key="accuracy-run-choice").options) == 4
    assert READ_ONLY in texts(app)


def test_the_runs_page_shows_it_without_tools(example: str, app: AppTest):
    opener("runs")(app)
    assert "No runs yet" in texts(app)
    assert READ_ONLY in texts(app)
    assert not app.dataframe, "a table of runs counts it"
    assert {button.key for button in app.button} == {"example-hide"}, "it can be deleted or resumed"
    assert not app.text_input and not app.text_area, "it can be named"


def test_the_table_of_runs_does_not_count_it(example: str, finished: list[str], app: AppTest):
    opener("runs")(app)
    assert app.dataframe[0].value["run"].tolist() == finished[::-1]


def test_compare_does_not_count_it(example: str, app: AppTest):
    opener("compare")(app)
    assert "Nothing to compare yet" in texts(app)


def test_alpha_sweeps_it_as_an_example(example: str, app: AppTest):
    opener("alpha")(app, sequence=example)
    picker = app.selectbox(key="alpha-sequence-choice")
    assert picker.value == example
    label = "Example · 2 tasks, Red first, Green last · default · 4 iterations · seed 0 · 2 values of α"
    assert label in picker.options
    assert READ_ONLY in texts(app)
    assert "2 done and reused" in texts(app)


def test_alpha_begins_with_a_sequence_of_ones_own(example: str, finished: list[str], app: AppTest, tmp_path: Path):
    older = tmp_path / "runs" / "20240101-000000-otmf-0000"
    (tmp_path / "runs" / finished[0]).rename(older)
    (tmp_path / "runs" / finished[2]).rename(older.with_name("20240101-000000-otmf-0001"))
    opener("alpha")(app, sequence="gone")
    options = app.selectbox(key="alpha-sequence-choice").options
    assert [option.startswith("Example") for option in options] == [False, True, False]
    assert app.selectbox(key="alpha-sequence-choice").index == 0


def test_it_can_be_hidden_and_shown_again(example: str, app: AppTest):
    open_page = opener("accuracy")
    open_page(app)
    press(app, "example-hide")
    assert "Nothing to show yet" in texts(app)
    opener("runs")(app)
    assert READ_ONLY not in texts(app)
    press(app, "example-show")
    assert READ_ONLY in texts(app)


def test_the_welcome_leads_to_it(example: str, app: AppTest):
    app.run()
    assert [link.value for link in app.page_link] == ["Look at a finished one first"]


def test_nothing_is_written_beside_it(example: str, app: AppTest, tmp_path: Path):
    folder = tmp_path / "assets" / "runs"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for page in ("accuracy", "masks", "alpha", "runs", "merge"):
        opener(page)(app, run=example)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_run_of_ones_own_of_that_id_comes_first(example: str, tmp_path: Path):
    assert is_example(example)
    (run,) = (run for run in list_runs(tmp_path / "assets" / "runs")[0] if run.id == example)
    own = tmp_path / "runs" / example
    own.parent.mkdir(exist_ok=True)
    run.path.rename(own)
    assert not is_example(example)
    assert run_folder(example) == own


def test_no_id_leads_out_of_the_two_folders(example: str):
    with pytest.raises(InputError, match="leads out of"):
        run_folder("../colours")
