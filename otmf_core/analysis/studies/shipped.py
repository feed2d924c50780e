"""The studies that a library brings along, in its folder `studies`: their runs, and what was measured beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from otmf_core.analysis.grid import content
from otmf_core.analysis.results import read_results, write_results
from otmf_core.analysis.studies.base import MeasuredRow, Study
from otmf_core.analysis.studies.measured import Measured, read_measured, write_measured
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.library import Library
from otmf_core.runs.folder import Run

FOLDER = "studies"  # beside a library's manifest
SHARED = ("library", "seed", "device", "evaluate", "checkpoint_seconds")  # settings that a grid leaves to its caller


@dataclass(frozen=True)
class StudyResults:
    """The runs of a study and its measurements, the command that made them, and what the latter were measured on."""

    command: str
    conditions: str
    runs: tuple[Run, ...]
    measured: tuple[MeasuredRow, ...]


def measured_beside(path: Path) -> Path:
    """The file of the measurements beside the runs of a study."""
    return path.with_name(f"{path.stem}-measured{path.suffix}")


def write_study(
    path: Path, study: Study, runs: Sequence[Run], measured: Sequence[MeasuredRow], command: str, conditions: str
) -> None:
    """Write a study: its runs as a results file, with its measurements beside it; the latter alone without runs."""
    library = runs[0].state.library if runs else ""
    if study.suite is not None:
        write_results(path, runs, command)
    if study.measured:
        file = path if study.suite is None else measured_beside(path)
        write_measured(file, study, measured, command, library, conditions)


def shipped_study(library: Library, study: Study) -> StudyResults | None:
    """What a library brings of a study; None where it brings nothing, or that of another state of the library.

    Raises InputError as `read_results` and `read_measured` do, and on a run that is none of the study's merges.
    """
    path = library.root / FOLDER / f"{study.name}.json"
    of_rows = path if study.suite is None else measured_beside(path)
    if not path.is_file() or (study.measured and not of_rows.is_file()):
        return None
    measured = read_measured(of_rows, study.name) if study.measured else Measured("", library.manifest_hash, "", ())
    if study.suite is None:
        return StudyResults(measured.command, measured.conditions, (), measured.rows)
    results = read_results(path)
    if not results.runs or {results.library, measured.library} != {library.manifest_hash}:
        return None
    for run in results.runs:
        _check_own(path, study, run)
    return StudyResults(results.command, measured.conditions, results.runs, measured.rows)


def _check_own(path: Path, study: Study, run: Run) -> None:
    config = run.config
    own = study.configs([config.tasks], {name: getattr(config, name) for name in SHARED})
    if content(config) not in map(content, own):
        raise InputError(f"a study's runs are its own merges: {shown(run.id, 80)} is none of {study.name}'s, in {path}")
