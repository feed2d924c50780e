"""The command that writes the merged model of a run."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from contextlib import redirect_stdout

from otmf_core.cli import options as cli_options
from otmf_core.cli.exit_codes import DONE
from otmf_core.export.layouts import LAYOUTS, RANK, export_run
from otmf_core.runs.folder import resolve_run


def add_options(parser: ArgumentParser) -> None:
    """The options of `export`."""
    cli_options.add_run(parser)
    layouts = "; ".join(f"{name}: {layout.about}" for name, layout in LAYOUTS.items())
    parser.add_argument(
        "--layout",
        choices=tuple(LAYOUTS),
        help=f"how the model is written. {layouts} (default: open_clip, of texts huggingface)",
    )
    rank = f"rank of a LoRA adapter (lora; from 1; default: {RANK})"
    parser.add_argument("--rank", type=int, metavar="R", help=rank)
    parser.add_argument(
        "--to",
        type=cli_options.path,
        metavar="FOLDER",
        help="folder to write (default: export, or export-<layout>, in the run folder)",
    )
    cli_options.add_out(parser)
    cli_options.add_json(parser, "the folder alone")
    parser.set_defaults(command=_export)


def _export(options: Namespace) -> int:
    folder = resolve_run(options.run, options.out)
    print(f"Reading run {folder.name}", file=sys.stderr, flush=True)
    with redirect_stdout(sys.stderr):
        exported = export_run(folder, options.layout, options.to, options.rank)
    if options.json:
        values = {"run": folder.name, "layout": exported.layout, "folder": str(exported.folder), **exported.facts}
        print(json.dumps(values, allow_nan=False))
        return DONE
    print(exported.folder)
    for name, value in exported.facts.items():
        print(f"{name}: {value:.4g}", file=sys.stderr)  # beside the folder, which a shell may be reading
    return DONE
