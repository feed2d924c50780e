"""Results files: runs come back as they were, and figures that contradict each other do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from otmf_core.analysis.results import read_results, shipped_results, write_results
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.runs.folder import Run, load_run
from tests.tiny import merge_config, merged


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load_run(merged(merge_config(tiny, method="average", evaluate="held-out"), tmp_path_factory.mktemp("runs")))


def test_runs_come_back_with_everything_that_is_compared(run: Run, tmp_path: Path):
    file = tmp_path / "results.json"
    write_results(file, [run, run], "otmf compare")
    results = read_results(file)
    assert (results.command, results.library, len(results.runs)) == ("otmf compare", run.state.library, 2)
    again = results.runs[0]
    assert (again.config, again.record, again.matrix) == (run.config, run.record, run.matrix)
    assert (again.id, again.status, again.created) == (run.id, "done", run.record and run.record.created)
    assert again.state.library == run.state.library


def test_only_finished_runs_of_one_library_are_written(run: Run, tmp_path: Path):
    with pytest.raises(InputError, match="finished runs of one library, received 0 runs of 0 libraries"):
        write_results(tmp_path / "none.json", [], "")
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_a_run(run: Run, tmp_path: Path):
    write_results(tmp_path / "results.json", [run, run], "otmf compare")
    first, *runs, last = (tmp_path / "results.json").read_text().splitlines()
    assert first == f'{{"format":1,"command":"otmf compare","library":"{run.state.library}","runs":['
    assert [json.loads(line.rstrip(","))["record"]["run"] for line in runs] == [run.id, run.id]
    assert last == "]}"


def test_a_library_brings_comparisons_of_its_present_state_alone(run: Run, own_tiny: Path):
    library = open_library(str(own_tiny))
    assert shipped_results(library) == []
    write_results(own_tiny / "results-3.json", [run], "of three")
    fields = json.loads((own_tiny / "results-3.json").read_text())
    (own_tiny / "results-2.json").write_text(json.dumps({**fields, "library": "another", "command": "stale"}))
    (own_tiny / "results-0.json").write_text(json.dumps({**fields, "runs": []}))
    assert [results.command for results in shipped_results(library)] == ["of three"]
    (own_tiny / "results-4.json").write_text("{}")
    with pytest.raises(InputError, match=r"results-4\.json"):
        shipped_results(library)


def test_what_comes_with_the_embedded_library_is_of_it_and_small():
    library = open_library("minizoo")
    files = [*library.root.glob("results-*.json")]
    assert len(shipped_results(library)) == len(files), "made with another state of the library"
    assert all(file.stat().st_size < 3_000_000 for file in files)


def damage(fields: dict[str, Any], *path: str | int, value: Any) -> None:
    *way, last = path
    part: Any = fields
    for key in way:
        part = part[key]
    part[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), 2, "in format 1, received 2"),
        (("command",), "x" * 2001, "the command that made them"),
        (("runs",), {}, "a results file holds finished runs"),
        (("runs", 0, "record", "acc"), None, "each with its metrics"),
        (("runs", 0), [], "each with its config and its record"),
        (("runs", 0, "record", "acc"), 99.5, "acc"),
        (("runs", 0, "record", "matrix"), [[1.0]], "1 rows of accuracies after step 3 of 3"),
        (("runs", 0, "config", "tasks"), ["red"], "at least two tasks"),
        (("runs", 0, "record", "seed"), "0", "seed"),
    ],
)
def test_a_damaged_file_is_refused(run: Run, tmp_path: Path, path: tuple, value: Any, message: str):
    file = tmp_path / "results.json"
    write_results(file, [run], "otmf compare")
    fields = json.loads(file.read_text())
    damage(fields, *path, value=value)
    file.write_text(json.dumps(fields))
    with pytest.raises(InputError, match=message):
        read_results(file)
