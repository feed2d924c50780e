"""The command line: one command, over the same engine as the dashboard.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 2 bad arguments or input, 130 interrupted
(resumable). torch is imported only by the commands that compute, and only after their first line of progress.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper

from otmf_core.cli.commands import parser_of
from otmf_core.cli.exit_codes import BAD_INPUT, INTERRUPTED
from otmf_core.errors import InputError


def program() -> None:
    """Run the command that was typed, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without λ shows a question mark, and the run goes on
    raise SystemExit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code (argparse itself exits with 2 on bad arguments)."""
    options = parser_of(arguments).parse_args(arguments)
    try:
        return options.command(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:  # outside a merge, or before it had a run folder
        print("Stopped; there is nothing to resume.", file=sys.stderr)
        return INTERRUPTED
