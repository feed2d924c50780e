"""A method that is one file and one line of the table: in a copy of the program, it is there wherever methods are.

Its settings are a number, a switch, an optional number and a choice of an Enum; it carries a number from step to step.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tiny import ROOT, TASKS, contents

MADE_UP = '''"""A running sum that forgets, made up for a test."""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.models.task_vector import StateDict, combined, scaled
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.context import Context


class Weighing(Enum):
    SUM = "sum"
    MEAN = "mean"


class Fading(Method):
    title = "Fading sum"
    about = "a sum of the task vectors in which earlier ones fade"
    paper = "arXiv 0000.00000"

    name: Literal["fading"] = "fading"
    fade: Annotated[
        float,
        Field(ge=0, le=1, description="factor of what was merged before"),
        Shown(label="ρ, fading", symbol="ρ", main=True, slider=(0.0, 1.0), step=0.1, sweep=(0.2, 0.5)),
    ] = 0.5
    flip: Annotated[bool, Field(description="whether task vectors are subtracted")] = False
    most: Annotated[float | None, Field(gt=0, le=9, description="the largest weight in all, if any")] = None
    weighing: Annotated[Weighing, Field(description="how weights are summed up")] = Weighing.SUM

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, self._sign()), numbers={"weight": 1.0})

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        time.sleep(0.3)  # as long as it takes to be killed
        weight = self.fade * state.numbers["weight"] + 1.0
        weight = weight if self.most is None else min(weight, self.most)
        divisor = weight if self.weighing is Weighing.MEAN else 1.0
        delta = combined(state.delta, incoming, self.fade / divisor, self._sign() / divisor)
        return State(delta, numbers={"weight": weight})

    def _sign(self) -> float:
        return -1.0 if self.flip else 1.0
'''
GIVEN = ["--method", "fading", "--fade", "0.7", "--flip", "--most", "1.5", "--weighing", "mean"]
SETTINGS = {"fade": 0.7, "flip": True, "most": 1.5, "weighing": "mean"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A copy of the program with the method, its library the tiny one; nothing else in it is changed."""
    copy = tmp_path_factory.mktemp("program")
    for part in ("otmf_core", "dashboard", ".streamlit"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "minizoo"))
    (copy / "assets").mkdir()
    shutil.copy(ROOT / "assets/logo.svg", copy / "assets")
    shutil.copytree(tiny, copy / "assets/tiny")
    methods = copy / "otmf_core/methods"
    (methods / "fading.py").write_text(MADE_UP)
    table = (methods / "table.py").read_text()
    table = table.replace(
        "from otmf_core.methods.otmf", "from otmf_core.methods.fading import Fading\nfrom otmf_core.methods.otmf"
    )
    (methods / "table.py").write_text(table.replace("    TaskArithmetic,\n", "    TaskArithmetic,\n    Fading,\n"))
    return copy


def otmf(program: Path, *arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "otmf_core", *arguments]
    done = subprocess.run(command, cwd=program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def merge(out: Path) -> list[str]:
    return ["merge", "--library", "tiny", "--suite", "3", "--device", "cpu", "--out", str(out), *GIVEN]


@pytest.fixture(scope="module")
def through(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the method."""
    out = tmp_path_factory.mktemp("runs")
    return out / json.loads(otmf(program, *merge(out), "--json"))["run"]


def test_it_is_one_file_and_one_line_and_its_import(program: Path):
    ours, theirs = contents(ROOT / "otmf_core"), contents(program / "otmf_core")
    theirs = {name: content for name, content in theirs.items() if "__pycache__" not in name}
    changed = {name for name, content in theirs.items() if ours.get(name) != content}
    assert changed == {"methods/fading.py", "methods/table.py"}
    lines = set(theirs["methods/table.py"].splitlines()) - set(ours["methods/table.py"].splitlines())
    assert lines == {b"from otmf_core.methods.fading import Fading", b"    Fading,"}


def test_help_has_its_settings_with_range_and_default(program: Path):
    text = " ".join(otmf(program, "merge", "--help").split())
    assert re.search(r"--method \{otmf,average,[^}]*\bfading\b[^}]*\} how two task vectors are fused", text)
    assert "fading: a sum of the task vectors in which earlier ones fade" in text
    assert "factor of what was merged before (fading; 0 to 1; default: 0.5)" in text
    assert "--flip, --no-flip whether task vectors are subtracted (fading; default: off)" in text
    assert "--most X|none the largest weight in all, if any (fading; above 0, at most 9; default: none)" in text
    assert "--weighing {sum,mean}" in text


def test_a_run_of_it_is_stored_shown_and_exported(program: Path, through: Path):
    config = json.loads((through / "config.json").read_text())
    assert config["method"] == {"name": "fading", **SETTINGS}
    record = json.loads((through / "record.json").read_text())
    assert (record["method"], record["settings"], record["labels"]) == ("fading", SETTINGS, "none")
    assert "fading, fade 0.7, flip True, most 1.5, weighing mean" in otmf(program, "show", str(through))
    card = (Path(otmf(program, "export", str(through)).strip()) / "README.md").read_text()
    assert "- Method: Fading sum: a sum of the task vectors in which earlier ones fade (arXiv 0000.00000)" in card
    assert "- The largest weight in all, if any (most): 1.5" in card
    assert "- Whether task vectors are subtracted (flip): on" in card


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_run_goes_on_bit_for_bit(program: Path, through: Path, tmp_path: Path):
    command = [sys.executable, "-m", "otmf_core", *merge(tmp_path)]
    with subprocess.Popen(command, cwd=program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not (states := list(tmp_path.glob("*/progress.json"))) or json.loads(states[0].read_text())["step"] < 2:
            assert process.poll() is None
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    run = states[0].parent
    assert list(run.glob("resume/step-02/carried.safetensors"))
    assert not (run / "merged.safetensors").exists()
    otmf(program, "resume", str(run))
    assert (run / "merged.safetensors").read_bytes() == (through / "merged.safetensors").read_bytes()


SCRIPT = """
import json
from streamlit.testing.v1 import AppTest
from dashboard.state import queue

app = AppTest.from_file("dashboard/app.py", default_timeout=60).run()

def to(page, **link):
    app.switch_page(f"app_pages/{page}/page.py")
    for name, value in link.items():
        app.query_params[name] = value
    app.run().run()  # the second draws what lies below the first screen
    assert not app.exception, app.exception

def drained():
    while queue().active():
        pass

app.selectbox(key="method").set_value("fading").run()
app.session_state["options_open"] = True
app.run()
app.slider(key="fading.fade").set_value(0.2)
app.toggle(key="fading.flip").set_value(True)
app.number_input(key="fading.most").set_value(2.0)
app.segmented_control(key="fading.weighing").set_value("mean")
app.run()
app.button(key="run").click().run()
assert not app.exception, app.exception
drained()
app.run()
said = {"form": [app.subheader[0].value]}
run = app.query_params["run"]
to("alpha", sequence=run)
said["sweep"] = [app.multiselect(key="fades").label, app.multiselect(key="fades").value]
app.button(key="sweep").click().run()
drained()
app.run().run()
said["swept"] = [app.segmented_control(key="chosen_fade").options, len(app.get("plotly_chart"))]
to("compare")
said["leaderboard"] = app.dataframe[1].value[["method", "setting"]].values.tolist()
said["differ"] = [list(app.dataframe[2].value.columns), app.dataframe[2].value.values.tolist()]
to("runs")
said["runs"] = app.dataframe[0].value[["method", "setting"]].values.tolist()
to("accuracy", run=run)
to("features", run=run)
app.button(key="take").click().run()
app.run()
assert not app.exception, app.exception
said["features"] = [bool(app.get("plotly_chart")), len(app.error)]
print(json.dumps(said))
"""


def test_it_is_on_every_page(program: Path, tmp_path: Path):
    environment = {**os.environ, "OTMF_RUNS": str(tmp_path / "runs"), "PYTHONPATH": str(program)}
    environment["OTMF_FEATURES"] = "off"  # they are asked for
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=program, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["form"] == [f"Fading sum · {len(TASKS)} tasks · ρ = 0.2"]
    assert said["sweep"] == ["Values of ρ", [0.2, 0.5]]
    assert said["swept"] == [["0.2", "0.5"], 4]
    assert sorted(said["leaderboard"]) == [["Fading sum", "ρ = 0.2"], ["Fading sum", "ρ = 0.5"]]
    assert said["differ"][0] == ["name", "fade"]
    assert sorted(row[1] for row in said["differ"][1]) == ["0.2", "0.5"]
    assert sorted(said["runs"]) == [["Fading sum", "ρ = 0.2"], ["Fading sum", "ρ = 0.5"]]
    assert said["features"] == [True, 0]
    configs = [json.loads(path.read_text())["method"] for path in (tmp_path / "runs").glob("*/config.json")]
    own = {"name": "fading", "flip": True, "most": 2.0, "weighing": "mean"}
    assert sorted(configs, key=lambda method: method["fade"]) == [{**own, "fade": 0.2}, {**own, "fade": 0.5}]


APART = "otmf_core/analysis/ablations.py"
# the program's name, as a tag, a project and a namespace
PROGRAM = ("otmf_core/export/model_card.py", "otmf_core/tracking/wandb.py", "otmf_core/jobs/cluster.py")
NAMES = re.compile(r"""["'](otmf|average|task-arithmetic)["']""")


@pytest.mark.parametrize("package", ["otmf_core", "dashboard"])
def test_no_code_outside_methods_compares_with_a_methods_name(package: str):
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / package).rglob("*.py")
        if "methods" not in path.parts and "minizoo" not in path.parts
        for line in path.read_text(encoding="utf-8").splitlines()
        if NAMES.search(line)
    ]
    # the default method, what settings those of format 1 had, what OTMF is taken apart into, and the program's name
    allowed = {
        "otmf_core": (
            "otmf_core/config.py",
            "otmf_core/cli/commands.py",
            "otmf_core/merging/merge.py",
            APART,
            *PROGRAM,
        ),
        "dashboard": (),
    }[package]
    assert not [line for line in lines if not line.startswith(allowed)]
    assert not [line for line in lines if "==" in line and "argv" not in line]
