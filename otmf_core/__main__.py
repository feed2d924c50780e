"""`python -m otmf_core`: see cli/main.py."""

import sys
from io import TextIOWrapper

from otmf_core.cli.main import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without λ shows a question mark, and the run goes on
    raise SystemExit(main())
