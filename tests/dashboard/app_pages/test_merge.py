"""The Merge page: choosing, running, watching, stopping, resuming, and what is refused."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.merge import task_table
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.jobs.queue import job_queue
from otmf_core.methods.table import METHODS
from otmf_core.runs.archive import import_run, write_zip
from otmf_core.runs.events import Evaluating
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import metrics, press, settle, snapshot, texts, widget, with_options
from tests.tiny import ROOT


def only_run(tmp_path: Path) -> str:
    (run, _), *more = job_queue(tmp_path / "runs").active() or [(p.name, "") for p in (tmp_path / "runs").iterdir()]
    assert not more
    return run


def test_a_first_visit_offers_one_click(app: AppTest):
    assert not app.exception
    assert "Press **Run** to merge 3 fine-tuned models of Colours into one" in texts(app)
    assert not app.button(key="run").disabled
    assert list(app.dataframe[0].value["task"]) == ["Red", "Green", "Blue"]
    assert "run" not in app.query_params


def test_run_merges_and_shows_the_record(app: AppTest, tmp_path: Path):
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "done")
    app.run()
    record = json.loads((tmp_path / "runs" / run / "record.json").read_text())
    assert metrics(app)["ACC"] == f"{record['acc']:.1f}%" == "78.0%"
    assert metrics(app)["BWT (points)"] == "−3.0"
    assert metrics(app)["Pre-trained"] == "30.0%"
    assert metrics(app)["Individual"] == "90.0%"
    said = texts(app)
    assert "Labels: unlabelled images" in said
    assert "accuracy: test, 1,500 images" in said
    assert len(app.get("plotly_chart")) == 4


def test_the_url_opens_a_run_that_ended_long_ago(app: AppTest, tmp_path: Path):
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "done")
    job_queue(tmp_path / "runs")._jobs.clear()  # as after a restart
    again = AppTest.from_file(app._script_path, default_timeout=60)
    again.query_params["run"] = run
    again.run()
    assert not again.exception
    assert metrics(again)["ACC"] == "78.0%"


def test_a_visit_during_a_merge_shows_it(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.02
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "running")
    while not snapshot(tmp_path, run).device:
        time.sleep(0.005)
    other_tab = AppTest.from_file(app._script_path, default_timeout=60).run()
    assert not other_tab.exception
    assert run in texts(other_tab)
    assert "Labels: unlabelled images" in texts(other_tab)
    assert len(other_tab.progress) == 2
    assert "Device: cpu · memory of this program: " in texts(other_tab)


def test_a_row_fills_in_while_it_is_evaluated(
    app: AppTest, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    go_on = threading.Event()

    def half_a_row(step, iterations, path, tell, should_stop):
        tell(Evaluating(step=step, row=(78.0, None, None)))
        go_on.wait(60)

    monkeypatch.setattr(engine, "_iterate", half_a_row)
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "running")
    while not snapshot(tmp_path, run).row:
        time.sleep(0.005)
    app.run()
    matrix, curves = (json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")[:2])
    # after task 2 of 3: the pre-trained model, the first task, half a row
    assert matrix[0]["z"] == [[30.0, 30.0, 30.0], [80.0, 30.0, None], [78.0, None, None], [None] * 3]
    assert curves[0]["x"] == [1]  # lines are of whole rows
    assert [bar.proto.text for bar in app.get("progress")][1] == "Evaluating after task 2 · tasks done: 1"
    go_on.set()
    settle(tmp_path, run, "done")
    assert snapshot(tmp_path, run).row == ()


def test_a_second_click_queues_a_second_merge(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.02
    press(app, "run")
    first = app.query_params["run"]
    press(app, "run")
    assert app.query_params["run"] == first
    (running, _), (waiting, status) = job_queue(tmp_path / "runs").active()
    assert (running, status) == (first, "queued")
    press(app, f"remove-{waiting}")
    assert [run for run, _ in job_queue(tmp_path / "runs").active()] == [first]


def test_stop_and_discard_asks_once_and_leaves_nothing(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.02
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "running")
    app.run()
    press(app, "merge-discard")
    assert "is deleted for good" in texts(app)
    press(app, "discard-now")
    while job_queue(tmp_path / "runs").active():
        time.sleep(0.005)
    app.run()
    assert not app.exception
    assert not app.error
    assert "run" not in app.query_params
    assert "Press **Run**" in texts(app)
    assert not (tmp_path / "runs" / run).exists()


def test_stop_and_resume(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.02
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "running")
    app.run()
    press(app, "merge-stop")
    settle(tmp_path, run, "stopped")
    app.run()
    assert "Paused" in texts(app)
    assert "Resume continues from there" in texts(app)
    engine.pause = 0.0
    press(app, "merge-resume")
    settle(tmp_path, run, "done")
    assert metrics(app.run())["ACC"] == "78.0%"


def test_an_unfinished_run_from_a_zip_says_why_it_cannot_go_on(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.02
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "running")
    while snapshot(tmp_path, run).iteration < 1:
        time.sleep(0.005)
    job_queue(tmp_path / "runs").stop(run)
    settle(tmp_path, run, "stopped")
    with TemporaryFile() as file:
        write_zip(tmp_path / "runs" / run, cast(IO[bytes], file))
        job_queue(tmp_path / "runs").delete(run)
        import_run(cast(IO[bytes], file), tmp_path / "runs")
    app.run()
    assert not app.exception
    assert "goes on from what it saved in resume/, which no zip carries" in texts(app)
    assert app.button(key="merge-resume").disabled


@pytest.mark.parametrize(
    "error, said",
    [
        (
            InputError("a task vector must be finite: NaN in x.safetensors"),
            "A task vector must be finite: NaN in x.safetensors.",
        ),
        (RuntimeError("out of memory"), "RuntimeError: out of memory."),
    ],
)
def test_a_failure_says_why_and_offers_to_resume(
    app: AppTest, engine: FakeEngine, tmp_path: Path, error: Exception, said: str
):
    engine.broken["green"] = error
    press(app, "run")
    run = app.query_params["run"]
    settle(tmp_path, run, "failed")
    app.run()
    assert [box.value for box in app.error] == [said]
    engine.broken.clear()
    press(app, "merge-resume")
    settle(tmp_path, run, "done")
    assert not app.run().error


def test_one_task_cannot_be_merged(app: AppTest):
    app.session_state["tasks"] = ["red"]
    app.run()
    assert app.button(key="run").disabled
    assert app.warning[0].value == "A merge needs at least two tasks, received 1: red."


def test_suites_and_orders_fill_the_list(app: AppTest):
    widget(app, "suite").set_value("4").run()
    assert app.session_state["tasks"] == ["red", "green", "blue", "white"]
    app.selectbox(key="order_seed").set_value(42).run()
    expected = ["red", "green", "blue", "white"]
    random.seed(42)
    random.shuffle(expected)
    assert app.session_state["tasks"] == expected != ["red", "green", "blue", "white"]
    assert not app.exception


def test_adding_a_task_leaves_the_suite(app: AppTest):
    app.selectbox(key="task_to_add").set_value("white").run()
    assert app.session_state["tasks"] == ["red", "green", "blue", "white"]
    assert app.session_state["suite"] is None
    assert app.selectbox(key="task_to_add").value is None
    assert not app.exception


def test_moving_and_removing(monkeypatch: pytest.MonkeyPatch):
    state = {"tasks": ["red", "green", "blue"], "suite": "3"}
    monkeypatch.setattr("streamlit.session_state", state)
    task_table._move(0, 1)
    assert state == {"tasks": ["green", "red", "blue"], "suite": None, "order_seed": None}
    task_table._move(2, -1)
    assert state["tasks"] == ["green", "blue", "red"]
    task_table._remove(1)
    assert state["tasks"] == ["green", "red"]


def test_the_preset_fills_in_its_numbers(app: AppTest):
    with_options(app)
    widget(app, "otmf.preset").set_value("paper").run()
    assert app.number_input(key="otmf.memory").value == 0
    widget(app, "otmf.preset").set_value("default").run()
    assert widget(app, "otmf.memory").value > 0
    assert not app.exception


def test_choices_survive_a_change_of_page(app: AppTest):
    app.slider(key="otmf.alpha").set_value(0.5).run()
    app.session_state["tasks"] = ["blue", "red"]
    app.switch_page("app_pages/runs/page.py").run()
    assert not app.exception
    app.switch_page("app_pages/merge/page.py").run()
    assert app.slider(key="otmf.alpha").value == 0.5
    assert app.session_state["tasks"] == ["blue", "red"]


def test_methods_without_masks_have_no_mask_options(app: AppTest):
    widget(with_options(app), "method").set_value("task-arithmetic").run()
    assert not app.exception
    assert [slider.key for slider in app.slider] == ["task-arithmetic.scaling"]
    assert [number.key for number in app.number_input] == ["seed"]


def test_a_default_below_the_least_of_other_inputs_stays_what_it_is(app: AppTest):
    widget(with_options(app), "method").set_value("wudi").run()
    assert widget(app, "wudi.lr").value == 1e-5


def test_a_damaged_library_is_one_sentence(app: AppTest, tmp_path: Path):
    (tmp_path / "assets/colours/green.parquet").write_bytes(b"other bytes")
    st.cache_data.clear()
    app.run()
    assert not app.exception
    assert "a file must have the hash its manifest records" in app.error[0].value.lower()
    (tmp_path / "assets/colours/manifest.json").write_text("{")
    app.run()
    assert not app.exception
    assert "manifest.json" in app.error[0].value


def test_without_a_library_the_page_says_so(app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("otmf_core.library.library.ASSETS", tmp_path / "nothing")
    app.run()
    assert (
        app.error[0].value
        == "None is installed under assets/. Make one on the Library page, or type the path of a folder."
    )


def opened_with(app: AppTest, **state: object) -> AppTest:
    """Another tab of the app, which remembers `state`."""
    other = AppTest.from_file(app._script_path, default_timeout=60)
    for key, value in state.items():
        other.session_state[key] = value
    other.run()
    assert not other.exception
    return other


def stored_config(app: AppTest, tmp_path: Path) -> dict:
    """The configuration of the run that the page has just started."""
    settle(tmp_path, app.query_params["run"], "done")
    return json.loads((tmp_path / "runs" / app.query_params["run"] / "config.json").read_text())


def second_library(folder: Path, suites: dict) -> Path:
    """A library of four other names, whose images are no concern of the form."""
    folder.mkdir(parents=True)
    tasks = [{"id": task, "name": task.title(), "classes": ["a", "b"]} for task in ("oak", "elm", "fir", "yew")]
    manifest = {"format": 1, "id": "trees", "name": "Trees", "backbone": {}, "suites": suites, "tasks": tasks}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "files": {}}))
    return folder


def test_the_form_adapts_to_the_library_chosen(app: AppTest, tmp_path: Path):
    second_library(tmp_path / "assets/trees", {"2": ["elm", "oak"]})
    app.run()
    assert app.selectbox(key="library").options == ["Colours", "Trees"]
    app.selectbox(key="library").set_value("trees").run()
    assert not app.exception
    assert app.session_state["tasks"] == ["elm", "oak"]
    assert list(app.dataframe[0].value["task"]) == ["Elm", "Oak"]
    press(app, "run")
    assert stored_config(app, tmp_path)["library"] == "trees"
    app.selectbox(key="library").set_value("colours").run()
    assert app.session_state["tasks"] == ["red", "green", "blue"]


def test_a_library_is_any_folder_and_needs_no_suites(app: AppTest, tmp_path: Path):
    folder = second_library(tmp_path / "mine", {})
    app = opened_with(app, library=str(folder))
    assert app.session_state["tasks"] == ["oak", "elm", "fir", "yew"]
    app.selectbox(key="order_seed").set_value(42).run()
    expected = ["oak", "elm", "fir", "yew"]
    random.seed(42)
    random.shuffle(expected)
    assert app.session_state["tasks"] == expected
    press(app, "run")
    assert stored_config(app, tmp_path)["library"] == str(folder)


def test_a_folder_without_a_library_is_one_sentence(app: AppTest, tmp_path: Path):
    app = opened_with(app, library=str(tmp_path))
    assert [box.value.split(",")[0] for box in app.error] == [
        "A library is installed (colours) or a folder with a manifest.json"
    ]


def test_an_order_sorts_a_list_edited_by_hand(app: AppTest):
    app.session_state["tasks"], app.session_state["suite"] = ["white", "red", "blue"], None
    app.run()
    app.selectbox(key="order_seed").set_value(43).run()
    expected = ["red", "blue", "white"]
    random.seed(43)
    random.shuffle(expected)
    assert app.session_state["tasks"] == expected
    app.selectbox(key="order_seed").set_value("Canonical").run()
    assert app.session_state["tasks"] == ["red", "blue", "white"]


def test_every_field_of_a_merge_can_be_set(app: AppTest, tmp_path: Path):
    widget(with_options(app), "heads").set_value("tuned").run()
    choices = {"update": "alternating", "schedule": "constant", "masks": "row", "space": "features"}
    choices |= {"start": "filtered", "alpha_rule": "learned"}
    widget(app, "otmf.start").set_value("filtered").run()  # which shows its share
    widget(app, "otmf.loss").set_value("unbalanced").run()  # which shows reach
    choices |= {"loss": "unbalanced", "p": 1}
    for name, value in choices.items():
        widget(app, f"otmf.{name}").set_value(value)
    widget(app, "evaluate").set_value("all")
    numbers = {"iterations": 7, "batch": 4, "lr": 0.02, "momentum": 0.5, "memory": 5, "blur": 0.2, "reach": 2.0}
    numbers |= {"calibration": 12, "filter_share": 0.25, "views": 2, "batch_earlier": 6}
    for name, value in numbers.items():
        app.number_input(key=f"otmf.{name}").set_value(value)
    for name, value in {"seed": 9, "head_lr": 0.02}.items():
        app.number_input(key=name).set_value(value)
    app.slider(key="head_fraction").set_value(0.5)
    app.selectbox(key="device").set_value("cpu")
    app.slider(key="otmf.alpha").set_value(0.6).run()
    press(app, "run")
    stored = stored_config(app, tmp_path)
    own = {"name": "otmf", "projections": 64, "temperature": 4.0, **choices, **numbers, "alpha": 0.6}
    fields = {"head_fraction": 0.5, "device": "cpu", "seed": 9, "head_lr": 0.02, "evaluate": "all", "heads": "tuned"}
    fields |= {"tasks": ["red", "green", "blue"], "library": "colours", "preset": "default", "method": own}
    assert stored == {"format": 3, "checkpoint_seconds": 5.0, **fields}
    assert set(own) == {"name", *METHODS["otmf"].described()}


def test_the_temperature_is_asked_for_where_class_probabilities_are_held(app: AppTest, tmp_path: Path):
    app = with_options(app)
    app.number_input(key="otmf.temperature").set_value(2.5)
    app.number_input(key="otmf.batch_earlier").set_value(None).run()
    press(app, "run")
    own = stored_config(app, tmp_path)["method"]
    assert (own["loss"], own["temperature"], own["batch_earlier"]) == ("sinkhorn-kl", 2.5, None)
    widget(app, "otmf.loss").set_value("sinkhorn").run()
    assert "otmf.temperature" not in {each.key for each in app.number_input}


def test_alpha_is_not_asked_for_where_a_rule_sets_it(app: AppTest, tmp_path: Path):
    app.slider(key="otmf.alpha").set_value(0.6).run()
    widget(with_options(app), "otmf.alpha_rule").set_value("root").run()
    assert not [slider for slider in app.slider if slider.key == "otmf.alpha"]
    press(app, "run")
    own = stored_config(app, tmp_path)["method"]
    assert (own["alpha_rule"], own["alpha"]) == ("root", 0.8)


def test_settings_without_effect_are_not_asked_for_and_have_their_defaults(app: AppTest, tmp_path: Path):
    widget(with_options(app), "otmf.loss").set_value("sliced").run()
    keys = {number.key for number in app.number_input}
    assert "otmf.projections" in keys and not {"otmf.blur", "otmf.reach"} & keys
    app.number_input(key="otmf.projections").set_value(16).run()
    widget(app, "otmf.loss").set_value("kl").run()
    assert not {number.key for number in app.number_input} & {"otmf.blur", "otmf.reach", "otmf.projections"}
    press(app, "run")
    expected = MergeConfig.build(tasks=("red", "green", "blue"), library="colours", loss="kl")
    assert stored_config(app, tmp_path) == expected.model_dump(mode="json")
    widget(app, "otmf.loss").set_value("sliced").run()
    assert app.number_input(key="otmf.projections").value == 16


def test_a_loss_that_does_not_fit_the_space_says_why_it_cannot_run(app: AppTest):
    widget(with_options(app), "otmf.loss").set_value("entropy")
    widget(app, "otmf.space").set_value("raw").run()
    assert app.button(key="run").disabled
    assert "is of class probabilities" in texts(app)


def test_a_preset_sets_every_number_it_names_and_its_merge_is_the_engine_s(app: AppTest, tmp_path: Path):
    with_options(app).number_input(key="otmf.blur").set_value(0.4).run()
    widget(app, "otmf.preset").set_value("paper").run()
    press(app, "run")
    stored = stored_config(app, tmp_path)
    expected = MergeConfig.build("paper", tasks=("red", "green", "blue"), library="colours")
    assert stored == expected.model_dump(mode="json")


def test_options_hold_while_they_are_closed(app: AppTest, tmp_path: Path):
    widget(with_options(app), "heads").set_value("tuned").run()
    app.number_input(key="seed").set_value(9)
    app.number_input(key="otmf.blur").set_value(0.4).run()
    with_options(app, opened=False)
    assert not app.number_input
    widget(app, "method").set_value("average").run()  # which has no masks, hence no blur
    press(app, "run")
    expected = MergeConfig.build(
        tasks=("red", "green", "blue"), library="colours", method="average", seed=9, heads="tuned"
    )
    assert stored_config(app, tmp_path) == expected.model_dump(mode="json")
    widget(app, "method").set_value("otmf").run()
    assert with_options(app).number_input(key="otmf.blur").value == 0.4


@pytest.mark.parametrize("run", ["20260101-000000-otmf-0000", "../../etc", ".."])
def test_a_link_to_no_run_is_one_sentence(engine: FakeEngine, app: AppTest, run: str):
    app.query_params["run"] = run
    app.run()
    assert not app.exception
    assert len(app.error) == 1


def test_the_first_paint_loads_nothing_heavy(tmp_path: Path):
    program = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(ROOT / "dashboard" / "app.py")!r}, default_timeout=60).run()
assert not app.exception, app.exception
print(*sorted({{name.split('.')[0] for name in sys.modules}} & {{"torch", "open_clip", "sklearn", "timm", "geomloss"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
