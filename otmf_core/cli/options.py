"""Options of the command line; those of a merge are read off MergeConfig, with its ranges and defaults."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from otmf_core.config import PRESETS, MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library, order

FIELDS = [name for name in MergeConfig.model_fields if name not in ("tasks", "preset")]


def add_merge(parser: ArgumentParser) -> None:
    """--tasks or --suite, --order-seed, --preset, and one option for every other field of MergeConfig."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--tasks", metavar="A,B,C", help="two or more task ids, in the order in which they are merged")
    which.add_argument("--suite", metavar="N", help="a suite of the library: 8, 14 or 20 tasks in the embedded one")
    shuffle = "shuffle the suite by this seed, any whole number; the field reports 42 to 51 (default: canonical order)"
    parser.add_argument("--order-seed", type=int, metavar="S", help=shuffle)
    parser.add_argument(
        "--preset", choices=tuple(PRESETS), default="default", help="settings to start from (default: default)"
    )
    for name in FIELDS:
        _add_field(parser, name, MergeConfig.model_fields[name])


def add_library(parser: ArgumentParser) -> None:
    """--library alone."""
    _add_field(parser, "library", MergeConfig.model_fields["library"])


def add_out(parser: ArgumentParser) -> None:
    """--out, the folder of all runs."""
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="FOLDER", help="folder of all runs (default: runs)"
    )


def add_json(parser: ArgumentParser) -> None:
    """--json, one object on stdout."""
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object on stdout (default: tables)")


def overrides(options: Namespace) -> dict[str, Any]:
    """The fields of MergeConfig that were given on the command line; the preset decides on the others."""
    given = {name: getattr(options, name) for name in FIELDS}
    return {name: value for name, value in given.items() if value is not None}


def tasks(options: Namespace, library: Library) -> tuple[str, ...]:
    """Task ids in the order in which they are merged. Raises InputError on an unknown suite or a seed without one."""
    if options.tasks is None:
        return tuple(order(library, options.suite, options.order_seed))
    if options.order_seed is not None:
        raise InputError(
            "--tasks gives the order itself, so --order-seed goes with --suite only, received both "
            f"--tasks {options.tasks} and --order-seed {options.order_seed}"
        )
    return tuple(task.strip() for task in options.tasks.split(","))


def _add_field(parser: ArgumentParser, name: str, field: FieldInfo) -> None:
    flag, text = "--" + name.replace("_", "-"), _help(name, field)
    default = field.default if name == "library" else None  # None: not given, so that the preset decides
    if get_origin(field.annotation) is Literal:
        choices = get_args(field.annotation)
        parser.add_argument(flag, type=type(choices[0]), choices=choices, default=default, help=text)
    else:
        kind, metavar = {int: (int, "N"), float: (float, "X"), str: (str, "NAME")}[field.annotation]
        parser.add_argument(flag, type=kind, metavar=metavar, default=default, help=text)


def _help(name: str, field: FieldInfo) -> str:
    notes = [_range(field), f"default: {field.default}"]
    for preset, fields in PRESETS.items():
        if fields.get(name, field.default) != field.default:
            notes.append(f"{preset}: {fields[name]}")
    return f"{field.description} ({'; '.join(note for note in notes if note)})".replace("%", "%%")


def _range(field: FieldInfo) -> str:
    """The bounds of a field in words, "" where it has none."""
    words = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
    bounds = {key: getattr(part, key) for part in field.metadata for key in words if hasattr(part, key)}
    if {"ge", "le"} <= bounds.keys():
        return f"{bounds['ge']:g} to {bounds['le']:g}"
    return ", ".join(words[key].format(f"{value:.10g}") for key, value in bounds.items())
