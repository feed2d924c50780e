"""The command that shows a run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from otmf_core.cli import options as cli_options
from otmf_core.cli import tables as cli_tables
from otmf_core.cli.exit_codes import DONE
from otmf_core.runs.folder import load_run, resolve_run


def add_options(parser: ArgumentParser) -> None:
    """The options of `show`."""
    cli_options.add_run(parser)
    cli_options.add_out(parser)
    parser.set_defaults(command=_show)


def _show(options: Namespace) -> int:
    cli_tables.show(load_run(resolve_run(options.run, options.out)))
    return DONE
