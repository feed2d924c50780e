"""The command that merges."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from otmf_core.cli import options as cli_options
from otmf_core.cli.following import follow
from otmf_core.cli.progress import ProgressLines
from otmf_core.config import MergeConfig
from otmf_core.library.library import open_library
from otmf_core.runs.folder import new_run_id
from otmf_core.runs.view import new_view


def add_options(parser: ArgumentParser) -> None:
    """The options of `merge`."""
    cli_options.add_merge(parser)
    cli_options.add_out(parser)
    cli_options.add_track(parser)
    cli_options.add_json(parser)
    parser.set_defaults(command=_merge)


def _merge(options: Namespace) -> int:
    library = open_library(options.library)
    tasks = cli_options.tasks(options, library)
    config = MergeConfig.build(options.preset, tasks=tasks, **cli_options.overrides(options))
    run = new_run_id(config.method.name)

    return follow(
        options,
        ProgressLines(f"Reading {library.name}", new_view(run, config)),
        options.out / run,
        lambda engine, **hooks: engine.run_merge(config, options.out, run_id=run, **hooks),
    )
