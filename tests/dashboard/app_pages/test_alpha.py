"""The Alpha page: one click runs the sweep, a second one nothing, what is there is reused; charts by their data."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts.sweep import balance, each_task, front, quality
from dashboard.charts.sweep_tables import sweep_table, task_table
from otmf_core.config import MergeConfig, setting_named
from otmf_core.errors import InputError
from otmf_core.jobs.gate import Gate
from otmf_core.jobs.queue import JobQueue, job_queue
from otmf_core.runs.folder import load_run
from tests.dashboard.conftest import APP
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import drained, metrics, opener, press, snapshot, texts, with_options
from tests.made_runs import made_run
from tests.tiny import ROOT

TABLE = pd.DataFrame(
    {
        "alpha": [0.2, 0.5, 0.8],
        "acc": [60.0, 70.0, 65.0],
        "bwt": [-9.0, -4.0, -1.0],
        "stability": [80.0, 90.0, 85.0],
        "plasticity": [95.0, 85.0, 80.0],
        "front": [True, True, False],
    }
)
ALPHA = setting_named("alpha")

open_page = opener("alpha")


def methods(tmp_path: Path) -> list[dict]:
    """The method and its settings, as stored, of every run."""
    return [json.loads(path.read_text())["method"] for path in (tmp_path / "runs").glob("*/config.json")]


def sweep(app: AppTest, *alphas: float) -> AppTest:
    app.multiselect(key="alphas").set_value(list(alphas)).run()
    return press(app, "sweep")


def test_one_click_runs_the_sweep_and_a_second_one_nothing(app: AppTest, tmp_path: Path):
    open_page(app)
    assert "The figures appear with the first finished run" in texts(app)
    assert not [each for each in app.get("button_group") if each.key == "sweep-place"]  # there is no cluster
    sweep(app, 0.2, 0.5, 0.8)
    drained(job_queue(tmp_path / "runs"))
    app.run()
    assert not app.exception
    assert sorted(method["alpha"] for method in methods(tmp_path)) == [0.2, 0.5, 0.8]
    assert len({json.dumps({**method, "alpha": None}) for method in methods(tmp_path)}) == 1
    assert app.button(key="sweep").disabled  # nothing is left to click for
    assert "3 done and reused" in texts(app)
    assert metrics(app)["ACC"] == "78.0%"  # 76, 78 and 80 of the fake engine


def test_a_click_while_the_sweep_waits_submits_nothing_twice(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.002
    open_page(app)
    sweep(app, 0.2, 0.5, 0.8)
    assert app.button(key="sweep").disabled
    assert "of 3 done" in "\n".join(str(bar.proto.text) for bar in app.get("progress"))
    sweep(app, 0.2, 0.5, 0.8, 0.9)
    drained(job_queue(tmp_path / "runs"))
    assert sorted(method["alpha"] for method in methods(tmp_path)) == [0.2, 0.5, 0.8, 0.9]


def test_a_sweep_is_carried_out_on_the_cluster_that_is_chosen(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked, there = [], JobQueue(tmp_path / "runs", engine)

    def connect(out: Path, address: str, gate: Gate) -> JobQueue:
        asked.append(address)
        if len(asked) == 1:
            raise InputError("a Ray cluster answers at its address, head:1 does not: 'Connection refused'")
        return there

    monkeypatch.setenv("OTMF_RAY", "head:1")
    monkeypatch.setattr("otmf_core.jobs.ray.RayQueue", connect)
    app = open_page(AppTest.from_file(str(APP), default_timeout=60).run())
    app.session_state["sweep-place"] = "Ray cluster"
    app.run()
    sweep(app, 0.2, 0.5)
    assert "Connection refused" in app.toast[0].value
    assert not methods(tmp_path)
    sweep(app, 0.2, 0.5)
    drained(there)
    app.run()
    assert asked == ["head:1", "head:1"]
    assert sorted(method["alpha"] for method in methods(tmp_path)) == [0.2, 0.5]
    assert "2 done and reused" in texts(app)


def test_a_sweep_reuses_finished_runs_of_its_sequence(finished: list[str], app: AppTest, tmp_path: Path):
    open_page(app, sequence=finished[2])
    assert metrics(app)["ACC"] == "79.0%"
    sweep(app, 0.5, 0.8, 1.0)
    drained(job_queue(tmp_path / "runs"))
    assert sorted(method["alpha"] for method in methods(tmp_path) if method["name"] == "otmf") == [0.5, 0.8, 1.0]


def test_a_stopped_sweep_goes_on_where_it_was(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.pause = 0.02
    open_page(app)
    sweep(app, 0.2, 0.5)
    queue = job_queue(tmp_path / "runs")
    while not any(status == "running" and snapshot(tmp_path, run).iteration > 2 for run, status in queue.active()):
        time.sleep(0.005)
    press(app, "stop-sweep")
    drained(job_queue(tmp_path / "runs"))
    app.run()
    assert "1 to resume · 1 new" in texts(app)
    engine.pause = 0.0
    press(app, "sweep")
    drained(job_queue(tmp_path / "runs"))
    assert sorted(method["alpha"] for method in methods(tmp_path)) == [0.2, 0.5]


def test_a_merge_that_failed_says_why(app: AppTest, engine: FakeEngine, tmp_path: Path):
    engine.broken = {"green": InputError("the weights of green are damaged")}
    open_page(app)
    sweep(app, 0.2)
    drained(job_queue(tmp_path / "runs"))
    app.run()
    assert "α = 0.2: The weights of green are damaged." in texts(app)
    engine.broken = {}
    press(app, "sweep")
    drained(job_queue(tmp_path / "runs"))
    assert [method["alpha"] for method in methods(tmp_path)] == [0.2]


def test_the_sequence_is_that_of_the_merge_form(app: AppTest, tmp_path: Path):
    with_options(app).number_input(key="seed").set_value(7).run()
    app.number_input(key="otmf.iterations").set_value(5).run()
    app.session_state["tasks"] = ["blue", "red"]
    app.run()
    open_page(app)
    sweep(app, 0.3)
    drained(job_queue(tmp_path / "runs"))
    (path,) = (tmp_path / "runs").iterdir()
    config = load_run(path).config
    assert (config.tasks, config.seed) == (("blue", "red"), 7)
    assert config.method.settings().items() >= {"iterations": 5, "alpha": 0.3}.items()


def test_use_this_alpha_fills_the_merge_page(finished: list[str], app: AppTest):
    app.selectbox(key="method").set_value("average").run()
    with_options(app).number_input(key="seed").set_value(7).run()
    open_page(
        app, sequence=finished[0], alphas="0.9"
    )  # a parameter bound to a widget, as after any choice in a browser
    app.segmented_control(key="chosen_alpha").set_value(0.5).run()
    app.button(key="use-alpha").click().run()
    assert not app.exception
    assert app.slider(key="otmf.alpha").value == 0.5
    assert app.selectbox(key="method").value == "otmf"
    assert app.session_state["tasks"] == ["red", "green"]
    assert app.session_state["suite"] is app.selectbox(key="order_seed").value is None
    app.switch_page("app_pages/merge/page.py")
    assert [with_options(app).number_input(key=key).value for key in ("otmf.iterations", "seed")] == [3, 0]


def test_task_arithmetic_is_swept_over_its_own_scale(app: AppTest, tmp_path: Path):
    config = MergeConfig.build(tasks=("red", "green"), library="colours", method="task-arithmetic", scaling=0.2)
    run = job_queue(tmp_path / "runs").submit(config)
    drained(job_queue(tmp_path / "runs"))
    open_page(app, sequence=run)
    assert app.multiselect(key="scalings").label == "Values of λ"
    app.multiselect(key="scalings").set_value([0.2, 0.5]).run()
    press(app, "sweep")
    drained(job_queue(tmp_path / "runs"))
    assert sorted(method["scaling"] for method in methods(tmp_path)) == [0.2, 0.5]
    app.run()
    app.segmented_control(key="chosen_scaling").set_value(0.5).run()
    assert app.button(key="use-alpha").label == "Use λ = 0.5"
    press(app, "use-alpha")
    assert app.selectbox(key="method").value == "task-arithmetic"
    assert app.slider(key="task-arithmetic.scaling").value == 0.5


def test_a_link_to_a_sequence_that_is_gone_says_so(finished: list[str], app: AppTest):
    open_page(app, sequence="20200101-000000-otmf-0000")
    assert "There is no run 20200101-000000-otmf-0000 to sweep" in app.warning[0].value


def test_tables_have_what_the_records_say_and_the_front():
    runs = {}
    for alpha, end in ((0.2, 40.0), (0.8, 60.0)):
        config = MergeConfig.build(tasks=("a", "b"), alpha=alpha)
        record = {"matrix": [[30.0, 20.0], [80.0, 25.0], [end, 90.0]], "individual": [100.0, 90.0]}
        record |= {"acc": (end + 90) / 2, "bwt": end - 80, "stability": end / 0.8, "plasticity": 90.0}
        runs[alpha] = made_run(f"run-{alpha}", config, **record)
    table = sweep_table(runs, "alpha")
    assert table["acc"].tolist() == [65.0, 75.0]
    assert table["stability"].tolist() == [50.0, 75.0]
    assert table["front"].tolist() == [False, True]
    each = task_table(runs, "alpha")
    assert each.values.tolist() == [
        [0.2, "a", 80.0, 40.0],
        [0.2, "b", 90.0, 90.0],
        [0.8, "a", 80.0, 60.0],
        [0.8, "b", 90.0, 90.0],
    ]


def test_quality_and_balance_stand_against_alpha_with_the_chosen_point_marked():
    acc, bwt = quality(TABLE, ALPHA, 0.5).data
    assert (list(acc.x), list(acc.y), list(bwt.y)) == ([0.2, 0.5, 0.8], [60.0, 70.0, 65.0], [-9.0, -4.0, -1.0])
    assert acc.marker.size[1] > acc.marker.size[0] == acc.marker.size[2]
    chart: Any = balance(TABLE, ALPHA, 0.5)
    assert [list(trace.y) for trace in chart.data] == [[80.0, 90.0, 85.0], [95.0, 85.0, 80.0]]
    assert [line.x0 for line in chart.layout.shapes] == [0.5]


def test_what_a_rule_reached_is_a_line_across_the_sweep_under_its_name():
    chart: Any = quality(TABLE, ALPHA, 0.5, rules={"By the images": (66.0, -2.0), "Keeps the norm": (64.0, None)})
    lines = [(line.y0, line.y1, line.line.dash) for line in chart.layout.shapes if line.y0 == line.y1]
    assert lines == [(66.0, 66.0, "dot"), (-2.0, -2.0, "dot"), (64.0, 64.0, "dot")]
    assert [note.text for note in chart.layout.annotations] == ["By the images", "By the images", "Keeps the norm"]


def test_alpha_by_the_images_is_run_once_and_shown_beside_the_sweep(finished: list[str], app: AppTest, tmp_path: Path):
    open_page(app)
    assert app.button(key="run-rule").label == "Run α by the examples"
    press(app, "run-rule")
    drained(job_queue(tmp_path / "runs"))
    open_page(app)
    assert [method.get("alpha_rule") for method in methods(tmp_path)].count("auto") == 1
    assert "run-rule" not in {button.key for button in app.button}
    assert "α **by the examples**: ACC 79.0%, BWT −2.0" in texts(app)  # the first of two tasks went from 80 to 78
    assert len(app.selectbox(key="alpha-sequence-choice").options) == 2  # that one and the form's: a rule is no other


def test_the_front_joins_its_points_and_dims_the_others():
    line, best, dominated, ring = front(TABLE, ALPHA, 0.8).data
    assert list(zip(line.x, line.y, strict=True)) == [(85.0, 90.0), (95.0, 80.0)]
    assert list(best.text) == ["0.5", "0.2"]
    assert (list(dominated.text), list(dominated.x), list(dominated.y)) == (["0.8"], [80.0], [85.0])
    assert dominated.opacity < best.opacity
    assert (list(ring.x), list(ring.y)) == ([80.0], [85.0])


@pytest.mark.parametrize("count", [2, 20])
def test_every_task_has_a_panel_in_its_colour(count: int):
    tasks = [f"t{index}" for index in range(count)]
    rows = [(alpha, task, 90.0 - index, 50.0 + index) for alpha in (0.2, 0.8) for index, task in enumerate(tasks)]
    table = pd.DataFrame(rows, columns=["alpha", "task", "just_merged", "now"])
    chart: Any = each_task(
        table, tasks, {t: t.upper() for t in tasks}, {t: f"#0000{k:02d}" for k, t in enumerate(tasks)}, ALPHA, 0.2
    )
    assert len(chart.data) == 2 * count
    before, after = chart.data[2:4]
    assert (list(before.x), list(before.y), list(after.y)) == ([0.2, 0.8], [89.0, 89.0], [51.0, 51.0])
    assert before.line.color == after.line.color == "#000001"
    assert [note.text for note in chart.layout.annotations] == [task.upper() for task in tasks]


def test_neither_page_loads_anything_heavy(finished: list[str], tmp_path: Path):
    program = f"""
import sys
from streamlit.testing.v1 import AppTest
from dashboard.engine import warm_up
warm_up.DELAY_SECONDS = 600  # what is loaded behind the pages comes too early where the machine is slow
app = AppTest.from_file({str(ROOT / "dashboard" / "app.py")!r}, default_timeout=60).run()
for page in ("alpha", "compare"):
    app.switch_page(f"app_pages/{{page}}/page.py").run().run()  # the second draws what lies below the first screen
    assert not app.exception, app.exception
    assert app.get("plotly_chart"), page
print(*sorted({{name.split('.')[0] for name in sys.modules}} & {{"torch", "open_clip", "sklearn", "timm", "geomloss"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
