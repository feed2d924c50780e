"""The command that writes a report of runs, which the dashboard draws where that is there."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from otmf_core import layout
from otmf_core.cli import options as cli_options
from otmf_core.cli.exit_codes import DONE
from otmf_core.errors import InputError
from otmf_core.files import shown, write_text
from otmf_core.runs.folder import Run, list_runs, load_run, resolve_run

RUNS = Path("runs")  # where ids are looked for


def add_options(parser: ArgumentParser) -> None:
    """The options of `report`."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="an id under runs, the path of a run folder, or a folder of runs, of which the finished ones count",
    )
    parser.add_argument(
        "--out",
        type=cli_options.path,
        metavar="FILE",
        help="the file to write (default: named after the run, or sweep-… or comparison-report.html, here)",
    )
    cli_options.add_json(parser, "the file alone")
    parser.set_defaults(command=_report)


def _report(options: Namespace) -> int:
    """Write the report of a run, a sweep or a comparison, and print its path."""
    runs = _runs(options.runs)
    try:
        from dashboard.report.building import BEGINNING, report
    except ImportError as error:
        raise InputError(
            f"a report is drawn by the dashboard: run this in a clone of the repository, with requirements.txt "
            f"installed ({error})"
        ) from None
    if options.out:
        _check_place(options.out, BEGINNING)
    print(f"Drawing {len(runs)} run{'s' if len(runs) > 1 else ''}", file=sys.stderr, flush=True)
    made = report(runs)
    path = options.out or Path(made.name)
    _check_place(path, BEGINNING)
    write_text(path, made.html)
    if options.json:
        print(json.dumps({"file": str(path), "bytes": len(made.html.encode()), "runs": [run.id for run in runs]}))
    else:
        print(path)
    return DONE


def _runs(names: Sequence[str]) -> list[Run]:
    """The runs that are named, each once, and the finished ones of folders; what is left out is told on stderr."""
    found: list[Run] = []
    for name in names:
        folder = cli_options.path(name)
        if not os.path.isdir(folder) or os.path.isfile(folder / layout.STATUS):
            found.append(load_run(resolve_run(name, RUNS)))
            continue
        runs, damaged = list_runs(folder)
        left = [f"{each.path.name} is damaged" for each in damaged]
        left += [f"{run.id} is {run.status}" for run in runs if run.record is None]
        for line in left:
            print(f"left out: {line}", file=sys.stderr)
        finished = [run for run in runs if run.record]
        if not finished:
            raise InputError(f"a folder of runs has finished ones, received {shown(folder)} with none")
        found += finished
    return list({os.path.realpath(run.path): run for run in found}.values())


def _check_place(path: Path, beginning: str) -> None:
    """Raise InputError unless a report may be written there: over nothing, or over another report."""
    if not os.path.lexists(path):
        return
    try:
        with path.open("rb") as file:
            if file.read(len(beginning)) == beginning.encode():
                return
    except OSError:
        pass
    raise InputError(f"a report replaces no file but a report, received {shown(path)}, which is another")
