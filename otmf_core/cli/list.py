"""The command that lists tasks, runs or libraries."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from otmf_core.cli import options as cli_options
from otmf_core.cli import tables as cli_tables
from otmf_core.cli.exit_codes import DONE
from otmf_core.library.library import list_libraries, open_library
from otmf_core.runs.folder import list_runs


def add_options(parser: ArgumentParser) -> None:
    """The options of `list`."""
    parser.add_argument("what", choices=("tasks", "runs", "libraries"), help="what to list")
    cli_options.add_library(parser)
    cli_options.add_out(parser)
    cli_options.add_json(parser)
    parser.set_defaults(command=_list)


def list_installed(options: Namespace) -> int:
    """Print the libraries that came with the project."""
    rows = cli_tables.library_rows(list_libraries())
    if options.json:
        print(json.dumps({"libraries": rows}, allow_nan=False))
    else:
        cli_tables.print_rows("Libraries", rows)
    return DONE


def _list(options: Namespace) -> int:
    if options.what == "libraries":
        return list_installed(options)
    if options.what == "tasks":
        library = open_library(options.library)
        rows = cli_tables.task_rows(library)
        title, values = f"Tasks of {library.name}", {"library": library.id, "suites": library.suites, "tasks": rows}
    else:
        runs, damaged = list_runs(options.out)
        for folder in damaged:
            print(f"warning: {folder.sentence} (the folder {folder.path} can be deleted)", file=sys.stderr)
        rows = cli_tables.run_rows(runs)
        title, values = f"Runs in {options.out}", {"out": str(options.out), "runs": rows}
    if options.json:
        print(json.dumps(values, allow_nan=False))
    else:
        cli_tables.print_rows(title, rows)
    return DONE
