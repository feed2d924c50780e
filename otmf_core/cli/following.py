"""A merge carried out on the command line: with progress and signals, and what is printed in the end."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from otmf_core.cli import tables as cli_tables
from otmf_core.cli.commands import program_name
from otmf_core.cli.exit_codes import DONE, INTERRUPTED
from otmf_core.cli.progress import ProgressLines, StopSignals
from otmf_core.errors import Interrupted
from otmf_core.runs.folder import load_run
from otmf_core.runs.record import RunRecord
from otmf_core.tracking.tracked import TrackedEngine


def follow(options: Namespace, lines: ProgressLines, folder: Path, compute: Callable[..., RunRecord]) -> int:
    """Carry out a computation with progress and signals, then print its record; a stopped one says how to go on."""
    with StopSignals() as stop, lines as progress, redirect_stdout(sys.stderr):
        from otmf_core.merging import merge  # torch: after the first line of progress

        engine = tracked(lambda: merge, options.track, folder.parent)
        try:
            record, code = compute(engine, emit=progress, should_stop=stop), DONE
        except (Interrupted, KeyboardInterrupt):
            if not folder.is_dir():
                raise KeyboardInterrupt from None  # stopped before there was anything to keep
            record, code = merge.partial_record(folder), INTERRUPTED
    if options.json:
        print(json.dumps(record.model_dump(mode="json"), allow_nan=False))
    elif code == DONE:
        cli_tables.show(load_run(folder))
    if code == INTERRUPTED:
        track = "".join(f" --track {tool}" for tool in dict.fromkeys(options.track))
        print(f"Stopped. Go on with: {program_name()} resume {shlex.quote(str(folder))}{track}", file=sys.stderr)
    return code


def tracked(engine: Callable[[], Any], tools: Sequence[str], out: Path) -> TrackedEngine:
    """An engine whose merges are told to these tools too; one that stops is said on stderr. Raises InputError."""
    return TrackedEngine(engine, tools, out, lambda line: print(line, file=sys.stderr, flush=True))
