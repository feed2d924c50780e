"""A report of finished runs: which kind it is, its name, and its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.library.labels import library_labels
from dashboard.report.comparison import comparison_sections
from dashboard.report.file import BEGINNING as BEGINNING
from dashboard.report.file import html_file
from dashboard.report.parts import Html, paragraph
from dashboard.report.run import run_sections
from dashboard.report.sweep import sweep_sections, swept
from dashboard.runs.titles import description
from dashboard.text import plural
from otmf_core.analysis.comparison import by_library
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.runs.archive import plain
from otmf_core.runs.folder import Run

MOST_RUNS = 2000


@dataclass(frozen=True)
class Report:
    """A report: the name that its file would have, and what is in it."""

    name: str
    html: str


def report(runs: Sequence[Run], command: str = "") -> Report:
    """The report of a run, of a sweep where the runs differ in one setting that is swept, else of a comparison.

    `command` made all of them, where there is one. Raises InputError as `check_runs` does, where a file of a run is
    damaged, and where the report would be too large.
    """
    check_runs(runs)
    name, library = report_name(runs), library_labels(runs[0].config).name
    if len(runs) == 1 and (record := runs[0].record):
        run = runs[0]
        about = _about(library, run.name, f"Run {run.id}", run.note)
        return Report(name, html_file(description(run.config), about, run_sections(run, record)))
    about = _about(library, plural(len(runs), "run"))
    if (config := swept(runs)) and (setting := config.method.swept()):
        title = f"{setting.label}, swept · {config.method.title} · {len(config.tasks)} tasks"
        return Report(name, html_file(title, about, sweep_sections(runs, config)))
    tasks = sorted({len(run.config.tasks) for run in runs})
    title = f"Comparison · {' and '.join(map(str, tasks))} tasks"
    return Report(name, html_file(title, about, comparison_sections(runs, command)))


def check_runs(runs: Sequence[Run]) -> None:
    """Raise InputError unless there are runs, not too many, all of them finished and of one library."""
    if not runs:
        raise InputError("a report is of one finished run or more, received none")
    if len(runs) > MOST_RUNS:
        raise InputError(f"a report has at most {MOST_RUNS:,} runs, received {len(runs):,}")
    for run in runs:
        if run.record is None:
            raise InputError(f"a report is of finished runs: {shown(run.id, 80)} is {run.status}")
    parts = by_library(runs)
    if len(parts) > 1:
        names = [shown(part[0].config.library, 60) for part in parts[:4]]
        raise InputError(f"a report is of runs of one library, received those of {', '.join(names)}")


def report_name(runs: Sequence[Run]) -> str:
    """The name of the file of a report of these runs."""
    if len(runs) == 1:
        return f"{plain(runs[0].id)}-report.html"
    config = swept(runs)
    setting = config.method.swept() if config else None
    return f"sweep-{setting.name}-report.html" if setting else "comparison-report.html"


def _about(library: str, *lines: str) -> Html:
    """What stands under the title, a paragraph each."""
    return Html("".join(paragraph(line) for line in (f"Library {library}", *lines) if line))
