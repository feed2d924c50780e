"""The command that answers a question: the merges and the measurements of a study, its rows, and what follows."""

from __future__ import annotations

import json
import os
import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence

from otmf_core.analysis import grid as grids
from otmf_core.analysis.comparison import Row
from otmf_core.analysis.studies.base import Found, MeasuredRow, Study
from otmf_core.analysis.studies.shipped import write_study
from otmf_core.analysis.studies.table import STUDIES
from otmf_core.cli import tables as cli_tables
from otmf_core.cli.exit_codes import DONE, TROUBLE
from otmf_core.cli.grid import Carried, add_grid, carry_out, orders_and_shared
from otmf_core.errors import InputError
from otmf_core.library.library import Library, open_library
from otmf_core.library.orders import order
from otmf_core.runs.folder import Run

DIGITS = {"rate": 4, "low": 3, "high": 3, "misfit": 3, "cosine": 3, "domain": 4, "pre": 4, "post": 4, "seconds": 3}


def add_options(parser: ArgumentParser) -> None:
    """The options of `study`."""
    about = "; ".join(f"{name}: {study.title[0].lower()}{study.title[1:]}" for name, study in STUDIES.items())
    parser.add_argument("study", choices=tuple(STUDIES), help=about)
    parser.add_argument("--suite", metavar="N", help="a suite of the library (default: the study's own)")
    results = "also write the figures of its runs to this file, and what was measured beside them to FILE-measured"
    add_grid(parser, "42-44", results)
    parser.set_defaults(command=_study)


def _study(options: Namespace) -> int:
    """Run what a study lacks, measure, then print its rows and its finding; 1 where a run failed."""
    asked = STUDIES[options.study]
    if asked.suite is None and options.suite:
        raise InputError(f"the study {asked.name} has no merges, so no suite, received --suite {options.suite}")
    library = open_library(options.library)
    carried: Carried | int = Carried([], {})
    suite = options.suite or asked.suite
    if suite is not None:
        carried = _merges(options, asked, library, suite)
    elif options.dry_run:
        print("no merges, measurements alone", file=sys.stderr)
        carried = DONE
    if isinstance(carried, int):
        return carried
    if suite is not None and not carried.runs:
        return TROUBLE
    measured: Sequence[MeasuredRow] = ()
    if asked.measure:
        measured = asked.measure(library, carried.runs, lambda line: print(line, file=sys.stderr, flush=True))
    _print(options, asked, asked.found(carried.runs, measured), carried.runs, carried.failed)
    if options.results:
        write_study(options.results, asked, carried.runs, measured, _command(options), _conditions())
    return TROUBLE if carried.failed else DONE


def _merges(options: Namespace, asked: Study, library: Library, suite: str) -> Carried | int:
    configs = asked.configs(*orders_and_shared(options, library, order(library, suite)))
    names = {grids.content(config): asked.label(config) for config in configs}
    return carry_out(configs, names, options, library.manifest_hash)


def _command(options: Namespace) -> str:
    asked = STUDIES[options.study]
    if asked.suite is None:
        return f"otmf study {asked.name}"
    suite = options.suite or asked.suite
    return f"otmf study {asked.name} --suite {suite} --orders {options.orders} --seed {options.seed}"


def _conditions() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _print(options: Namespace, asked: Study, found: Found, runs: Sequence[Run], failed: Mapping[str, str]) -> None:
    if options.json:
        values = {
            "command": _command(options),
            "question": asked.question,
            "finding": found.finding,
            "rows": found.rows,
            "points": found.points,
            "runs": [run.id for run in runs],
            "failed": dict(failed),
        }
        print(json.dumps(values, allow_nan=False))
        return
    cli_tables.print_rows(asked.question, [_shown(row) for row in found.rows])
    print(found.finding)


def _shown(row: Row) -> dict[str, object]:
    return {
        name.replace("_", " "): f"{value:.{DIGITS.get(name, 1)}f}" if isinstance(value, float) else value
        for name, value in row.items()
    }
