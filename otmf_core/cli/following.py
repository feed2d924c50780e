"""A merge carried out on the command line: with progress and signals, and what is printed in the end."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from otmf_core.cli import tables as cli_tables
from otmf_core.cli.commands import program_name
from otmf_core.cli.exit_codes import DONE, INTERRUPTED
from otmf_core.cli.progress import ProgressLines, StopSignals
from otmf_core.errors import Interrupted
from otmf_core.runs.folder import load_run
from otmf_core.runs.record import RunRecord


def follow(options: Namespace, lines: ProgressLines, folder: Path, compute: Callable[..., RunRecord]) -> int:
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
        print(f"Stopped. Go on with: {program_name()} resume {shlex.quote(str(folder))}", file=sys.stderr)
    return code
