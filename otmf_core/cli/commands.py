"""The commands, in words, and their parser, which has the options of the command that is typed and of no other.

What options are read off takes longer to load than help may take to come. A command is a file of this folder, and its
`add_options` gives a parser its options and what carries them out.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

COMMANDS = {
    "merge": "merge tasks of a library in order",
    "compare": "run methods over orders of the same tasks, and hold them against each other",
    "study": "answer a question by merges or measurements, and print what follows",
    "list": "list tasks, runs or libraries",
    "show": "print the accuracy matrix and metrics of a run",
    "resume": "go on with an interrupted run where it stopped",
    "export": "write the merged model of a run in safetensors, with a model card",
    "report": "write runs, a sweep or a comparison as one file of HTML, to be read and printed anywhere",
    "library": "make, check and fetch libraries",
}


def parser_of(arguments: Sequence[str]) -> ArgumentParser:
    """The parser of these arguments: all commands, one of them with its options."""
    parser = ArgumentParser(
        prog=program_name(),
        description="Merge fine-tuned models one after another, by masks and optimal transport (arXiv 2511.19561).",
        epilog="Exit codes: 0 done, 2 bad arguments or input, 130 interrupted (resumable).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    typed = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, text in COMMANDS.items():
        command = add_command(commands, name, text)
        if name == typed:
            import_module(f"otmf_core.cli.{name}").add_options(command)
    return parser


def add_command(commands: Any, name: str, text: str) -> ArgumentParser:
    """A command among subparsers: its name, and what it does, in words."""
    return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)


def program_name() -> str:
    """The way this program was started, to be typed again."""
    return "otmf" if Path(sys.argv[0]).stem == "otmf" else "python -m otmf_core"
