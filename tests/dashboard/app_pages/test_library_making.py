"""The Library page makes libraries, adds tasks, checks and fetches: dialogs, progress, outcomes, refusals."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.library.jobs import library_jobs
from otmf_core.errors import InputError
from otmf_core.library.making.pull import Suite
from otmf_core.library.making.splits import Sizes
from tests.dashboard.fake_making import FakeMaking
from tests.dashboard.pages import opener, press, texts, widget

open_page = opener("library")


@pytest.fixture
def making(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMaking]:
    fake = FakeMaking(monkeypatch)
    yield fake
    fake.wait.set()
    library_jobs().close(20)


@pytest.fixture
def mine(tiny: Path, tmp_path: Path) -> Path:
    """A library in the folder of those that the page makes."""
    return Path(shutil.copytree(tiny, tmp_path / "libraries" / "mine"))


def ended(app: AppTest) -> AppTest:
    """The page once the job has ended."""
    deadline = time.monotonic() + 20
    while (job := library_jobs().now()) and job.status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    app.run()
    assert not app.exception
    return app


def type_in(app: AppTest, **values: Any) -> None:
    """Fill inputs of the dialog that is open, by the middle of their keys."""
    for name, value in values.items():
        widget(app, f"library-{name.replace('_', '-')}-{used(app)}").set_value(value)
    app.run()
    assert not app.exception


def used(app: AppTest) -> int:
    return app.session_state.get("library_used", 0)


def errors(app: AppTest) -> list[str]:
    return [str(error.value) for error in app.error]


def test_a_library_is_made_and_shown(making: FakeMaking, app: AppTest, tmp_path: Path):
    press(open_page(app), "library-new")
    type_in(app, new_name="my clip", new_model_path=str(tmp_path), new_hub="org/clip")
    press(app, "library-go")
    assert "A library's name is 1 to 60 letters, digits, - and \\_, received 'my clip'." in errors(app)
    type_in(app, new_name="my-clip", new_activation="gelu")
    making.wait.clear()
    press(app, "library-go")
    assert "**Making my-clip**" in texts(app)
    assert "library-go" not in [button.key for button in app.button]
    making.wait.set()
    ended(app)
    asked = {"backbone": tmp_path, "activation": "gelu", "base_model": "org/clip"}
    assert making.asked == [("new", tmp_path / "libraries" / "my-clip", asked)]
    assert "my-clip has no tasks yet: add some." in texts(app)
    press(app, "library-show")
    assert widget(app, "library").value == str(tmp_path / "libraries" / "my-clip")
    press(app, "library-dismiss")
    assert "Making" not in texts(app)
    press(app, "library-new")
    assert widget(app, f"library-new-name-{used(app)}").value == ""


def test_a_name_is_given_once(making: FakeMaking, mine: Path, app: AppTest, tmp_path: Path):
    press(open_page(app), "library-new")
    type_in(app, new_name="mine", new_model_path=str(tmp_path))
    press(app, "library-go")
    assert "A new library has a name of its own: 'mine' is there already." in errors(app)
    assert not making.asked


def test_what_was_installed_or_lies_elsewhere_is_not_added_to(making: FakeMaking, tiny: Path, app: AppTest):
    open_page(app)
    assert widget(app, "library-add").disabled
    assert "came with the program" in widget(app, "library-add").help
    open_page(app, library=str(tiny))
    assert widget(app, "library-add").disabled
    assert "by the command otmf library add" in widget(app, "library-add").help


def test_a_task_is_added_as_it_was_typed(making: FakeMaking, mine: Path, app: AppTest, tmp_path: Path):
    press(open_page(app, library=str(mine)), "library-add")
    press(app, "library-go")
    assert errors(app) == ["A task has a name, received none."]
    type_in(app, add_task="DTD")
    press(app, "library-go")
    assert "The fine-tuned model has a path on the machine that runs this program, received none." in errors(app)
    assert widget(app, "library-add-classes-0").placeholder == "The 47 of DTD"
    type_in(
        app,
        add_model_path=str(tmp_path),
        add_data=str(mine),
        add_config="small",
        add_head=str(mine / "manifest.json"),
        add_classes="one\n\n two ",
        add_templates="a {}.",
        add_Calibration=32,
        add_Seed=7,
        add_transductive=True,
        add_licence="CC0",
        add_copy=True,
    )
    press(app, "library-go")
    ended(app)
    ((call, root, task),) = making.asked
    assert (call, root) == ("add", mine)
    assert (task.name, task.checkpoint, task.data, task.config) == ("DTD", tmp_path, mine, "small")
    assert (task.head, task.classes, task.templates) == (mine / "manifest.json", ("one", "two"), ("a {}.",))
    assert (task.sizes, task.seed, task.transductive, task.copy) == (Sizes(32, 2048, 0), 7, True, True)
    assert (task.licence, task.source) == ("CC0", None)
    assert "**Adding DTD to Tiny**" in texts(app)
    assert "open_clip, F16 · ‖Δ‖ / ‖θ⁰‖ 5.00% · 256 calibration, 1,880 test images" in texts(app)
    assert "Names are \\*taken\\*." in texts(app)


def test_a_checkpoint_is_uploaded(making: FakeMaking, mine: Path, app: AppTest):
    press(open_page(app, library=str(mine)), "library-add")
    type_in(app, add_task="Cars", add_data=str(mine), add_model_where="Upload")
    press(app, "library-go")
    assert "The fine-tuned model is a file that was uploaded, received none." in errors(app)
    app.file_uploader[0].upload("my model.pt", b"weights", "application/octet-stream")
    app.run()
    press(app, "library-go")
    ended(app)
    assert making.asked[0][2].checkpoint == mine / "uploads" / "my-model.pt"
    assert making.read == [b"weights"]


def test_paths_outside_of_a_servers_files_are_refused(
    making: FakeMaking, mine: Path, app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTMF_FILES", str(mine))
    press(open_page(app, library=str(mine)), "library-add")
    type_in(app, add_task="Cars", add_model_path=str(tmp_path), add_data=str(mine))
    press(app, "library-go")
    assert "where this server's files are" in errors(app)[0]
    assert not making.asked


def test_a_refused_task_is_told_and_what_was_typed_stays(making: FakeMaking, mine: Path, app: AppTest):
    making.error = InputError("shapes follow *the* pre-trained model")
    press(open_page(app, library=str(mine)), "library-add")
    type_in(app, add_task="Cars", add_model_path=str(mine), add_data=str(mine))
    press(app, "library-go")
    ended(app)
    assert "Shapes follow \\*the\\* pre-trained model." in errors(app)
    press(app, "library-add")
    assert widget(app, "library-add-task-0").value == "Cars"
    assert widget(app, "library-add-model-path-0").value == str(mine)


def test_a_crash_is_told_by_its_type(making: FakeMaking, app: AppTest):
    making.error = IndexError("out of range")
    press(open_page(app), "library-check")
    press(app, "library-go")
    ended(app)
    assert "IndexError: out of range." in errors(app)


def test_a_check_is_a_table_and_sentences(making: FakeMaking, app: AppTest):
    press(open_page(app), "library-check")
    type_in(app, check_images=50)
    press(app, "library-go")
    ended(app)
    assert making.asked[0][2] == 50
    table = app.dataframe[0].value
    assert list(table["task"]) == ["Red", "Green"]
    assert list(table["format"]) == ["open_clip", "transformers"]
    assert list(table["norm"])[:1] == [5.0]
    assert list(table["published_individual"])[:1] == [91.0]
    assert "**Trouble with 1 of 2 tasks** · ViT-B/32" in texts(app)
    assert "**Green:** A file is missing: \\*\\*x\\*\\*." in errors(app)
    assert "Task vectors differ 4.0 times in length." in texts(app)


def test_a_suite_is_fetched_once_its_size_was_seen(making: FakeMaking, app: AppTest, tmp_path: Path):
    press(open_page(app), "library-fetch")
    type_in(app, fetch_backbone="ViT-L-14", fetch_tasks=14, fetch_Test=100)
    press(app, "library-go")
    ended(app)
    root, suite = tmp_path / "libraries" / "ViT-L-14-14-tasks", Suite("ViT-L-14", 14, Sizes(256, 2048, 100))
    assert making.asked == [("plan", root, suite)]
    assert "7.0 GB to fetch, 1.0 GB in the hub's cache; 90.0 GB are free on its disk." in texts(app)
    press(app, "library-fetch-now")
    ended(app)
    assert making.asked[1:] == [("pull", root, suite)]
    assert "ViT-L-14-14-tasks has no tasks yet" in texts(app)


def test_a_second_press_is_refused_while_one_runs_and_other_tabs_see_it(making: FakeMaking, app: AppTest):
    making.wait.clear()
    press(open_page(app), "library-check")
    press(app, "library-go")
    other = AppTest.from_file(app._script_path, default_timeout=60).run()
    open_page(other)
    assert "**Checking Colours**" in texts(other)
    assert "Working" in str(other.get("progress")[0].proto)
    press(other, "library-fetch")
    press(other, "library-go")
    assert "One piece of work on libraries is done at a time: 'Checking Colours' runs now." in errors(other)
    press(app, "library-stop")
    making.wait.set()
    ended(other)
    assert "What was unfinished is cleared away" in texts(other)
    assert widget(other, "library-go")  # the dialog stays open


def test_without_a_library_one_can_be_made(making: FakeMaking, app: AppTest, tmp_path: Path):
    shutil.rmtree(tmp_path / "assets" / "colours")
    open_page(app)
    assert "Make one on the Library page" in errors(app)[0]
    press(app, "library-new")
    type_in(app, new_name="mine", new_model_path=str(tmp_path))
    press(app, "library-go")
    ended(app)
    press(app, "library-show")
    assert widget(app, "library").value == str(tmp_path / "libraries" / "mine")
