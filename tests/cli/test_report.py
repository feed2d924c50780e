"""The command that writes reports: what it takes, what it leaves out, what it refuses, and where it writes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from otmf_core.cli.main import main
from otmf_core.files import write_json
from tests.golden_runs import DEFAULT, STOPPED, copied_runs
from tests.tiny import is_one_sentence


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `runs` of the working folder: four finished runs of earlier versions, four that are not."""
    monkeypatch.chdir(tmp_path)
    return copied_runs(tmp_path / "runs", monkeypatch)


def refused(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    """The sentence with which a report is refused; nothing is written here."""
    before = sorted(os.listdir())
    assert main(["report", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == "" and sorted(os.listdir()) == before
    sentence = output.err.strip().splitlines()[-1].removeprefix("error: ")
    assert is_one_sentence(sentence)
    return sentence


def test_a_run_by_its_id_is_written_here(runs: Path, capsys: pytest.CaptureFixture):
    assert main(["report", DEFAULT]) == 0
    file = Path(capsys.readouterr().out.strip())
    assert file.name == f"{DEFAULT}-report.html" and DEFAULT in file.read_text()
    assert main(["report", str(runs / DEFAULT), "--out", "deep/own.html", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"file": "deep/own.html", "bytes": file.stat().st_size, "runs": [DEFAULT]}
    assert Path("deep/own.html").read_bytes() == file.read_bytes()


def test_a_folder_counts_its_finished_runs_and_each_once(runs: Path, capsys: pytest.CaptureFixture):
    (runs / "broken").mkdir()
    (runs / "broken" / "status.json").write_text("{")
    assert main(["report", "runs", DEFAULT, "--json"]) == 0
    output = capsys.readouterr()
    said = json.loads(output.out)
    assert said["file"] == "comparison-report.html" and len(said["runs"]) == len(set(said["runs"])) == 4
    assert "left out: broken is damaged" in output.err and f"left out: {STOPPED} is stopped" in output.err


def test_bad_input_is_said_in_a_sentence(runs: Path, capsys: pytest.CaptureFixture):
    Path("empty").mkdir()
    assert "'none'" in refused(capsys, "none")
    assert "has finished ones" in refused(capsys, "empty")
    assert "is stopped" in refused(capsys, DEFAULT, STOPPED)
    (runs / DEFAULT / "record.json").write_text("{}")
    assert "record.json" in refused(capsys, DEFAULT)


def test_runs_of_two_libraries_are_refused(runs: Path, capsys: pytest.CaptureFixture):
    other = Path(shutil.copytree(runs / DEFAULT, runs / "other"))
    config = json.loads((other / "config.json").read_text())
    write_json(other / "config.json", {**config, "library": "elsewhere"})
    assert "of one library, received those of 'golden', 'elsewhere'" in refused(capsys, DEFAULT, "other")


def test_no_other_file_is_replaced_but_a_report_is(runs: Path, capsys: pytest.CaptureFixture):
    record = runs / DEFAULT / "record.json"
    before = record.read_bytes()
    assert "replaces no file but a report" in refused(capsys, DEFAULT, "--out", str(record))
    assert "replaces no file but a report" in refused(capsys, DEFAULT, "--out", str(runs))
    assert record.read_bytes() == before
    for _ in range(2):
        assert main(["report", DEFAULT, "--out", "own.html"]) == 0


def test_a_place_that_cannot_be_written_is_said(runs: Path, capsys: pytest.CaptureFixture):
    Path("file").write_text("no folder")
    assert "was not written" in refused(capsys, DEFAULT, "--out", "file/own.html")


def test_without_the_dashboard_the_command_says_what_it_needs(
    runs: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "dashboard.report.building", None)
    assert "drawn by the dashboard" in refused(capsys, DEFAULT)
