"""The command that goes on with a run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from otmf_core.cli import options as cli_options
from otmf_core.cli.following import follow
from otmf_core.cli.progress import ProgressLines
from otmf_core.runs.folder import load_run, resolve_run
from otmf_core.runs.lock import take_over
from otmf_core.runs.view import stored_view


def add_options(parser: ArgumentParser) -> None:
    """The options of `resume`."""
    cli_options.add_run(parser)
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="go on although a process, of which cannot be known whether it lives, has claimed the run; if it does "
        "live, both write one run and spoil it (default: refuse)",
    )
    cli_options.add_out(parser)
    cli_options.add_track(parser)
    cli_options.add_json(parser)
    parser.set_defaults(command=_resume)


def _resume(options: Namespace) -> int:
    folder = resolve_run(options.run, options.out)
    if options.take_over:
        take_over(folder)
    view = stored_view(load_run(folder))

    return follow(
        options,
        ProgressLines(f"Reading run {folder.name}", view),
        folder,
        lambda engine, **hooks: engine.resume_merge(folder, **hooks),
    )
