"""Runs of format 1 open, show, go on, export, travel and sweep as they did when they were written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from otmf_core.analysis.replay import deviation, replay
from otmf_core.analysis.sweeps import SweepRun, members
from otmf_core.cli.main import main
from otmf_core.library.library import open_library
from otmf_core.models.checkpoints import read_tensors
from otmf_core.runs.archive import import_run, write_zip
from otmf_core.runs.folder import list_runs, load_run
from tests.golden_runs import ALL, DEFAULT, DONE, FAILED, GOLDEN, QUEUED, STOPPED, WITHIN, copied_runs
from tests.tiny import contents


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied_runs(tmp_path / "runs", monkeypatch)


def test_all_of_them_are_listed_as_they_stand(runs: Path):
    listed, problems = list_runs(runs)
    assert not problems
    assert {run.id: run.status for run in listed} == {
        **dict.fromkeys(DONE, "done"),
        STOPPED: "stopped",
        WITHIN: "stopped",
        FAILED: "failed",
        QUEUED: "interrupted",  # nobody is about to merge it
    }
    (named,) = (run for run in listed if run.name)
    assert (named.id, named.name, named.note) == (DEFAULT, "Golden", "Made by version 0.1.0.")


@pytest.mark.parametrize("run", ALL)
def test_show_prints_their_matrix_and_reading_changes_nothing(run: str, runs: Path, capsys: pytest.CaptureFixture):
    assert main(["show", run, "--out", str(runs)]) == 0
    printed = capsys.readouterr().out
    assert f"Run {run}" in printed
    if run in DONE:
        record = json.loads((runs / run / "record.json").read_text())
        assert f"{record['acc']:.1f} %" in printed
        assert f"{record['matrix'][3][0]:.1f}" in printed
    assert contents(runs / run) == contents(GOLDEN / "format-1/runs" / run)


@pytest.mark.parametrize("run", [STOPPED, WITHIN, FAILED, QUEUED])
def test_those_that_are_not_done_go_on_to_their_end(run: str, runs: Path, capsys: pytest.CaptureFixture):
    assert main(["resume", run, "--out", str(runs), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["status"] == "done"
    assert load_run(runs / run).status == "done"
    if run in (STOPPED, QUEUED):  # the same merge as DEFAULT, which was never interrupted
        ends = [read_tensors(runs / name / "merged.safetensors") for name in (run, DEFAULT)]
        assert deviation(*ends) < 1e-2  # those of then had Adam's ε on each mask, not on the weights


@pytest.mark.parametrize("run", DONE)
def test_the_fold_is_replayed_to_the_stored_vector(run: str, runs: Path):
    library = open_library("golden")
    *_, (_, merged) = replay(load_run(runs / run), library)
    assert deviation(merged.delta, read_tensors(runs / run / "merged.safetensors")) < 0.01


@pytest.mark.parametrize("run", DONE)
def test_their_models_are_exported(run: str, runs: Path, capsys: pytest.CaptureFixture):
    assert main(["export", run, "--out", str(runs)]) == 0
    folder = Path(capsys.readouterr().out.strip())
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert run in card
    record = json.loads((runs / run / "record.json").read_text())
    assert f"ACC {record['acc']:.1f}%" in card


@pytest.mark.parametrize("run", DONE)
def test_they_travel_as_a_zip(run: str, runs: Path, tmp_path: Path):
    file = io.BytesIO()
    write_zip(runs / run, file)
    assert import_run(file, tmp_path / "elsewhere") == run
    assert contents(tmp_path / "elsewhere" / run) == contents(runs / run)


def test_they_count_in_a_sweep(runs: Path):
    listed = [SweepRun(run.id, run.status, run.config) for run in list_runs(runs)[0]]

    def sweep(run: str) -> dict[float, str]:
        return {value: member.run for value, member in members(load_run(runs / run).config, listed).items()}

    assert sweep(DEFAULT) == {0.8: DEFAULT}
    assert sweep(DONE[1]) == {0.6: DONE[1], 0.8: WITHIN}
    assert sweep(DONE[3]) == {0.4: DONE[3]}
