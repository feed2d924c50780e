"""Runs for Weights & Biases, through a module that records its calls; and what any mirror does when a tool fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from otmf_core.errors import InputError
from otmf_core.runs.events import Event, Iterated
from otmf_core.runs.folder import load_run
from otmf_core.tracking.table import TOOLS
from tests.tiny import TASKS, is_one_sentence, merge_config, merged, never, results
from tests.tracking.expected import Series, at_iteration, check, engine, resumed, stopped, stopped_and_resumed, tracked
from tests.tracking.fake_wandb import FakeWandb

AXES = {"iteration", "merge_step"}


def scalars(wandb: FakeWandb) -> Series:
    series: Series = {}
    for part in wandb.runs:
        for logged in part.logged:
            for axis in AXES & logged.keys():
                for name in logged.keys() - AXES:
                    assert part.axes[name] == axis
                    series.setdefault(name, []).append((logged[axis], logged[name]))
    return series


def test_a_run_has_its_scalars_settings_matrix_and_card(tiny: Path, tmp_path: Path, wandb: FakeWandb):
    run = tracked(merge_config(tiny), tmp_path, "wandb")
    check(scalars(wandb), run)
    [part] = wandb.runs
    assert part.options["name"] == "run" and part.options["id"].startswith("run-")
    assert (part.options["config"]["alpha"], part.options["dir"]) == (0.8, str(tmp_path))
    assert part.exit_code == 0
    table = part.logged[-1]["accuracy matrix"]
    assert table["columns"] == ["step", *TASKS]
    matrix = json.loads((run / "record.json").read_text())["matrix"]
    assert table["data"] == [[step, *row] for step, row in enumerate(matrix)]
    assert part.logged[-1]["accuracy matrix, drawn"]["pixels"].shape[2] == 3
    assert "# Tiny, 3 tasks merged" in part.artifacts[0].files["README.md"]


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({}, "offline"),
        ({"WANDB_API_KEY": "k"}, "online"),
        ({"WANDB_MODE": "disabled"}, "disabled"),
        ({"WANDB_API_KEY": "k", "WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_a_network_is_used_only_where_the_environment_says_so(
    environment: dict[str, str],
    mode: str,
    tiny: Path,
    tmp_path: Path,
    wandb: FakeWandb,
    monkeypatch: pytest.MonkeyPatch,
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracked(merge_config(tiny, method="average"), tmp_path, "wandb")
    assert wandb.runs[0].options["mode"] == mode


def test_a_resumed_run_is_one_run_and_has_nothing_twice(tiny: Path, tmp_path: Path, wandb: FakeWandb):
    run = stopped_and_resumed(merge_config(tiny), tmp_path, at_iteration(3, 1), "wandb")
    first, second = wandb.runs
    assert first.options["id"] == second.options["id"]
    assert (first.options["resume"], first.exit_code, second.exit_code) == ("allow", 130, 0)
    check(scalars(wandb), run)


class Killed(BaseException):
    """What no code of ours expects."""


@pytest.mark.parametrize("at", [(2, 2), (3, 0), (3, 3)])
def test_a_run_that_was_killed_has_nothing_twice_and_lacks_no_loss(
    at: tuple[int, int], tiny: Path, tmp_path: Path, wandb: FakeWandb, monkeypatch: pytest.MonkeyPatch
):
    """The fusion begins again, while some of its iterations were told and others wait for their turn."""
    monkeypatch.setattr("otmf_core.tracking.mirror.FLUSH_SECONDS", 0.0)
    monkeypatch.setattr("otmf_core.tracking.mirror.Mirror.end", lambda self, end: None)
    told: list[Event] = []

    def kill(event: Event) -> None:
        if isinstance(event, Iterated) and (event.step, event.iteration) == at:
            raise Killed
        told.append(event)

    with pytest.raises(Killed):
        engine(tmp_path, ["wandb"]).run_merge(merge_config(tiny), tmp_path, emit=kill, should_stop=never, run_id="run")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run = resumed(tmp_path, "wandb")
    check(scalars(wandb), run)


def test_iterations_behind_a_gap_come_with_the_whole_fusion(tiny: Path, tmp_path: Path, wandb: FakeWandb):
    """The run saved itself after an iteration that the tracker was not told of before the kill."""
    stopped(merge_config(tiny), tmp_path, at_iteration(3, 2), "wandb")
    ledger = json.loads((tmp_path / "run/tracking.json").read_text())
    assert ledger["tools"]["wandb"]["iterations"] == 7
    ledger["tools"]["wandb"]["iterations"] = 5
    (tmp_path / "run/tracking.json").write_text(json.dumps(ledger))
    for logged in wandb.runs[0].logged:
        if logged.get("iteration", 0) > 5 and "seconds/iteration" not in logged:
            logged.clear()
    run = resumed(tmp_path, "wandb")
    check(scalars(wandb), run)


def test_a_package_that_is_not_there_is_said_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("otmf_core.tracking.base.find_spec", lambda name: None)
    for tool in TOOLS:
        with pytest.raises(InputError) as caught:
            engine(tmp_path, [tool])
        assert str(caught.value) == (
            f"tracking by {tool} needs a package that is not installed: pip install 'otmf[{tool}]'"
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("when", ["opening", "writing", "finishing"])
def test_a_tool_that_fails_is_said_once_and_the_merge_is_as_it_would_be(
    when: str, tiny: Path, tmp_path: Path, wandb: FakeWandb
):
    if when == "opening":
        wandb.refuses = RuntimeError("no\nroom")
    wandb.breaks = when == "writing"
    if when == "finishing":
        wandb.Table = None
    said: list[str] = []
    run = tracked(merge_config(tiny), tmp_path, "wandb", said=said)
    [sentence] = said
    assert sentence.startswith("tracking by wandb stopped, and the merge goes on: ")
    assert is_one_sentence(sentence) and "key@" not in sentence
    assert results(run) == results(merged(merge_config(tiny), tmp_path / "untold"))


def test_a_damaged_ledger_stops_the_tracking_alone(tiny: Path, tmp_path: Path, wandb: FakeWandb):
    stopped(merge_config(tiny), tmp_path, at_iteration(3, 1), "wandb")
    (tmp_path / "run/tracking.json").write_text('{"tools": {"wandb": {"steps": "many"}}}')
    said: list[str] = []
    engine(tmp_path, ["wandb"], said).resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert load_run(tmp_path / "run").status == "done"
    assert len(said) == 1 and "tracking.json" in said[0]


def test_a_refused_merge_is_not_tracked(tiny: Path, tmp_path: Path, wandb: FakeWandb):
    with pytest.raises(InputError):
        tracked(merge_config(tiny, tasks=("red", "none")), tmp_path, "wandb")
    assert not wandb.runs


def test_several_tools_are_told_the_same(tiny: Path, tmp_path: Path, wandb: FakeWandb):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    run = tracked(merge_config(tiny), tmp_path, "wandb", "tensorboard", "wandb")
    assert len(wandb.runs) == 1
    check(scalars(wandb), run)
    assert json.loads((run / "tracking.json").read_text())["tools"].keys() == {"wandb", "tensorboard"}
