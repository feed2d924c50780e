"""--track on the commands that merge: what it tracks, what it refuses before a run, what it says of going on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from otmf_core.cli.main import main
from otmf_core.runs.folder import list_runs
from tests.tracking.fake_wandb import FakeWandb


def arguments(tiny: Path, out: Path) -> list[str]:
    return ["--library", str(tiny), "--device", "cpu", "--out", str(out), "--json"]


def test_a_merge_is_tracked(tiny: Path, tmp_path: Path, wandb: FakeWandb, capsys: pytest.CaptureFixture[str]):
    own = ["--suite", "3", "--method", "average", "--track", "wandb"]
    assert main(["merge", *own, *arguments(tiny, tmp_path)]) == 0
    record = json.loads(capsys.readouterr().out)
    [part] = wandb.runs
    assert part.options["name"] == record["run"]
    assert {"ACC": record["acc"]}.items() <= next(each for each in part.logged if each.get("merge_step") == 3).items()


def test_a_stopped_merge_says_how_it_goes_on_tracked(
    tiny: Path, tmp_path: Path, wandb: FakeWandb, capsys: pytest.CaptureFixture[str]
):
    opened = wandb.init

    def open_and_stop(**options: object):
        os.kill(os.getpid(), signal.SIGINT)
        return opened(**options)

    wandb.init = open_and_stop  # pyright: ignore[reportAttributeAccessIssue]
    own = ["--suite", "3", "--method", "average", "--track", "wandb"]
    assert main(["merge", *own, *arguments(tiny, tmp_path)]) == 130
    assert capsys.readouterr().err.rstrip().endswith(" --track wandb")
    assert wandb.runs[0].exit_code == 130


def test_the_merges_of_a_grid_are_tracked(tiny: Path, tmp_path: Path, wandb: FakeWandb):
    own = ["--tasks", "red,green", "--orders", "43-44", "--methods", "average", "--track", "wandb"]
    assert main(["compare", *own, *arguments(tiny, tmp_path)]) == 0
    assert {part.options["name"] for part in wandb.runs} == {run.id for run in list_runs(tmp_path)[0]}
    assert [part.exit_code for part in wandb.runs] == [0, 0]


@pytest.mark.parametrize("command", ["merge", "compare"])
def test_a_tool_that_is_not_installed_is_said_before_anything_is_run(
    command: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("otmf_core.tracking.base.find_spec", lambda name: None)
    assert main([command, "--suite", "3", "--track", "mlflow", *arguments(tiny, tmp_path / "runs")]) == 2
    sentence = "error: tracking by mlflow needs a package that is not installed: pip install 'otmf[mlflow]'"
    assert capsys.readouterr().err.rstrip().endswith(sentence)
    assert not (tmp_path / "runs").exists()
