"""The command line: merge, list, show, resume and export, over the same engine as the dashboard.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 2 bad arguments or input, 130 interrupted
(resumable). torch is imported only by the commands that compute, and only after their first line of progress.
"""

from __future__ import annotations

import json
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from otmf_core.cli import options as cli_options
from otmf_core.cli import tables as cli_tables
from otmf_core.cli.compare import add_compare, compare
from otmf_core.cli.exit_codes import BAD_INPUT, DONE, INTERRUPTED
from otmf_core.cli.library import add_library_commands, list_installed
from otmf_core.cli.progress import ProgressLines, StopSignals
from otmf_core.cli.study import add_study, study
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.export.layouts import export_run
from otmf_core.library.library import open_library
from otmf_core.runs.folder import list_runs, load_run, new_run_id, resolve_run
from otmf_core.runs.lock import take_over
from otmf_core.runs.record import RunRecord
from otmf_core.runs.view import new_view, stored_view


def program() -> None:
    """Run the command that was typed, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without λ shows a question mark, and the run goes on
    raise SystemExit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (argparse itself exits with 2 on bad arguments)."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:  # outside a merge, or before it had a run folder
        print("Stopped; there is nothing to resume.", file=sys.stderr)
        return INTERRUPTED


def _merge(options: Namespace) -> int:
    library = open_library(options.library)
    tasks = cli_options.tasks(options, library)
    config = MergeConfig.build(options.preset, tasks=tasks, **cli_options.overrides(options))
    run = new_run_id(config.method.name)

    return _follow(
        options,
        ProgressLines(f"Reading {library.name}", new_view(run, config)),
        options.out / run,
        lambda engine, **hooks: engine.run_merge(config, options.out, run_id=run, **hooks),
    )


def _resume(options: Namespace) -> int:
    folder = resolve_run(options.run, options.out)
    if options.take_over:
        take_over(folder)
    view = stored_view(load_run(folder))

    return _follow(
        options,
        ProgressLines(f"Reading run {folder.name}", view),
        folder,
        lambda engine, **hooks: engine.resume_merge(folder, **hooks),
    )


def _follow(options: Namespace, lines: ProgressLines, folder: Path, compute: Callable[..., RunRecord]) -> int:
    """Carry out a computation with progress and signals, then print its record; a stopped one says how to go on."""
    with StopSignals() as stop, lines as progress, redirect_stdout(sys.stderr):
        from otmf_core.merging import merge  # torch: after the first line of progress

        try:
            record, code = compute(merge, emit=progress, should_stop=stop), DONE
        except (Interrupted, KeyboardInterrupt):
            if not folder.is_dir():
                raise KeyboardInterrupt from None  # stopped before there was anything to keep
            record, code = merge.partial_record(folder), INTERRUPTED
    if options.json:
        print(json.dumps(record.model_dump(mode="json"), allow_nan=False))
    elif code == DONE:
        cli_tables.show(load_run(folder))
    if code == INTERRUPTED:
        print(f"Stopped. Go on with: {_program()} resume {shlex.quote(str(folder))}", file=sys.stderr)
    return code


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


def _show(options: Namespace) -> int:
    cli_tables.show(load_run(resolve_run(options.run, options.out)))
    return DONE


def _export(options: Namespace) -> int:
    folder = resolve_run(options.run, options.out)
    print(f"Reading run {folder.name}", file=sys.stderr, flush=True)
    with redirect_stdout(sys.stderr):
        exported = export_run(folder, options.layout, options.to, options.rank)
    if options.json:
        values = {"run": folder.name, "layout": options.layout, "folder": str(exported.folder), **exported.facts}
        print(json.dumps(values, allow_nan=False))
        return DONE
    print(exported.folder)
    for name, value in exported.facts.items():
        print(f"{name}: {value:.4g}", file=sys.stderr)  # beside the folder, which a shell may be reading
    return DONE


def _program() -> str:
    """The way this program was started, to be typed again."""
    return "otmf" if Path(sys.argv[0]).stem == "otmf" else "python -m otmf_core"


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog=_program(),
        description="Merge fine-tuned models one after another, by masks and optimal transport (arXiv 2511.19561).",
        epilog="Exit codes: 0 done, 2 bad arguments or input, 130 interrupted (resumable).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = partial(cli_options.add_command, commands)
    merge = command("merge", _merge, "merge tasks of a library in order")
    cli_options.add_merge(merge)
    add_compare(
        command("compare", compare, "run methods over orders of the same tasks, and hold them against each other")
    )
    add_study(command("study", study, "answer a question by merges or measurements, and print what follows"))
    listing = command("list", _list, "list tasks, runs or libraries")
    listing.add_argument("what", choices=("tasks", "runs", "libraries"), help="what to list")
    cli_options.add_library(listing)
    show = command("show", _show, "print the accuracy matrix and metrics of a run")
    resume = command("resume", _resume, "go on with an interrupted run where it stopped")
    export = command("export", _export, "write the merged model of a run in safetensors, with a model card")
    libraries = commands.add_parser(
        "library", help="make, check and fetch libraries", description="Make, check and fetch libraries."
    )
    add_library_commands(libraries)
    resume.add_argument(
        "--take-over",
        action="store_true",
        help="go on although a process, of which cannot be known whether it lives, has claimed the run; if it does "
        "live, both write one run and spoil it (default: refuse)",
    )
    for subparser in (show, resume, export):
        subparser.add_argument("run", metavar="RUN", help="an id under --out, or the path of a run folder")
    cli_options.add_export(export)
    for subparser in (merge, listing, show, resume, export):
        cli_options.add_out(subparser)
    for subparser in (merge, listing, resume):
        cli_options.add_json(subparser)
    cli_options.add_json(export, "the folder alone")
    return parser
