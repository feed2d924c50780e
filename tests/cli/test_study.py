"""The command that answers a study's question, on the tiny library."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from otmf_core.analysis.grid import Entry, grid
from otmf_core.analysis.studies.mask_memory import MASK_MEMORY
from otmf_core.analysis.studies.measured import read_measured
from otmf_core.analysis.studies.table import STUDIES
from otmf_core.cli.main import main
from otmf_core.runs.folder import list_runs
from tests.tiny import SHORT

NONE = Entry("none", {"method": "task-arithmetic", "scaling": 0.2, "retained": True})
TASK = Entry("task", {"masks": "task", **SHORT})
GIVEN = ["study", "mask-memory", "--suite", "3", "--orders", "43", "--device", "cpu"]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch):
    short = replace(MASK_MEMORY, configs=lambda orders, shared: grid((NONE, TASK), orders, shared))
    monkeypatch.setitem(STUDIES, "mask-memory", short)


def test_a_study_is_run_once_and_its_figures_are_written(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = [*GIVEN, "--library", str(tiny), "--out", str(tmp_path / "runs")]
    assert main([*given, "--json", "--results", str(tmp_path / "s.json")]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert "0 of 2 merges are there, 2 to begin" in err
    assert told["command"] == "otmf study mask-memory --suite 3 --orders 43 --seed 0"
    assert [(row["name"], row["entries"]) for row in told["rows"]] == [("task", 2), ("none", 0)]
    by_id = {run.id: run for run in list_runs(tmp_path / "runs")[0]}
    assert by_id.keys() == set(told["runs"])
    accs = {run.config.method.name: run.record.acc for run in by_id.values() if run.record}
    assert [row["acc"] for row in told["rows"]] == [accs["otmf"], accs["task-arithmetic"]]
    assert told["finding"].startswith("Highest ACC: ")
    counted = read_measured(tmp_path / "s-measured.json", "mask-memory")
    assert {row.model_dump()["family"] for row in counted.rows} >= {"none", "element", "task"}

    assert main(given) == 0
    out, err = capsys.readouterr()
    assert "2 of 2 merges are there" in err
    assert "How much accuracy do trained mask entries buy" in out and told["finding"] in out.replace("\n", " ")


def test_a_dry_run_runs_nothing(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([*GIVEN, "--library", str(tiny), "--out", str(tmp_path / "runs"), "--dry-run"]) == 0
    assert "2 to begin" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_an_unknown_study_is_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main(["study", "magic"])
    assert stopped.value.code == 2
    assert "mask-memory" in capsys.readouterr().err


def test_a_study_without_merges_has_no_suite(tiny: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["study", "transport", "--suite", "8", "--library", str(tiny)]) == 2
    assert "the study transport has no merges, so no suite, received --suite 8" in capsys.readouterr().err
    assert main(["study", "transport", "--dry-run", "--library", str(tiny)]) == 0
    assert "no merges" in capsys.readouterr().err
