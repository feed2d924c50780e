"""Finished runs in one file, to be handed on: what was asked for and what was found, without weights or masks.

{"format": 1, "command": how they were made, "library": SHA-256 of its manifest, "runs": [{"config": …, "record": …}]}

A library may bring such files along, `results-*.json` beside its manifest: comparisons that were run on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark, read_object, shown, write_rows
from otmf_core.library.library import Library
from otmf_core.runs.agreement import check_agreement
from otmf_core.runs.folder import Run
from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import RunState, parsed

FORMAT = 1
MOST_RUNS = 100_000
LONGEST = 2000  # characters of the command
RULE = "a results file holds finished runs"
SHIPPED = "results-*.json"  # beside a library's manifest


@dataclass(frozen=True)
class Results:
    """The runs of a results file, which have no folder, and the command that made them."""

    command: str
    library: str
    runs: tuple[Run, ...]


def write_results(path: Path, runs: Sequence[Run], command: str) -> None:
    """Write finished `runs`, all of one library, a line for each; raises InputError where they are not."""
    libraries = {run.state.library for run in runs}
    if len(libraries) != 1 or not all(run.record for run in runs):
        raise InputError(f"{RULE} of one library, received {len(runs)} runs of {len(libraries)} libraries")
    head = {"format": FORMAT, "command": command, "library": libraries.pop()}
    rows = [{"config": run.config.model_dump(mode="json"), "record": _figures(run)} for run in runs]
    write_rows(path, head, "runs", rows)


def read_results(path: Path) -> Results:
    """The runs of a results file; raises InputError when it is none or its figures contradict each other.

    What was read is kept until the file changes.
    """
    return _read(path, mark(path))


def shipped_results(library: Library) -> list[Results]:
    """The comparisons that a library brings along, of its smallest set of tasks first.

    Those of another state of the library are left out: nobody has measured them on this one. Raises InputError as
    `read_results` does.
    """
    found = [read_results(path) for path in sorted(library.root.glob(SHIPPED))]
    current = [results for results in found if results.runs and results.library == library.manifest_hash]
    return sorted(current, key=lambda results: len(results.runs[0].config.tasks))


@lru_cache(maxsize=16)
def _read(path: Path, changed: Mark) -> Results:
    fields = read_object(path)
    if fields.get("format") != FORMAT:
        raise InputError(f"{RULE} in format {FORMAT}, received {shown(fields.get('format'))} in {path}")
    command, library, rows = (fields.get(name) for name in ("command", "library", "runs"))
    if not (
        isinstance(command, str) and isinstance(library, str) and isinstance(rows, list) and len(command) <= LONGEST
    ):
        raise InputError(f"{RULE}, their library and the command that made them: {path} does not")
    if len(rows) > MOST_RUNS:
        raise InputError(f"{RULE}, at most {MOST_RUNS}, received {len(rows)} in {path}")
    return Results(command, library, tuple(_run(path, library, row) for row in rows))


def _run(path: Path, library: str, row: Any) -> Run:
    if not isinstance(row, dict) or not all(isinstance(row.get(part), dict) for part in ("config", "record")):
        raise InputError(f"{RULE}, each with its config and its record: {path} does not")
    config, record = MergeConfig.parse(row["config"]), parsed(RunRecord, path, row["record"])
    if None in (record.acc, record.bwt, record.fwt, record.forgetting):
        raise InputError(f"{RULE}, each with its metrics: {path} does not")
    shared = RunState.model_fields.keys() & RunRecord.model_fields.keys() - {"library"}
    known = {name: getattr(record, name) for name in shared}
    transductive = record.calibration_split == "test"
    state = RunState(**known, library=library, step=len(config.tasks), transductive=transductive)
    check_agreement(path, config, state, record)
    return Run(record.run, path, "done", "", record.created, config, state, record)


def _figures(run: Run) -> dict[str, Any]:
    assert run.record is not None  # as of every finished run
    return run.record.model_dump(mode="json")
