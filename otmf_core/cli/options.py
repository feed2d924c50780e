"""Options of the command line; those of a merge are read off its settings and every method's."""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from otmf_core.config import PRESETS, presets, run_settings
from otmf_core.errors import InputError
from otmf_core.files import user_path
from otmf_core.library import library as libraries
from otmf_core.library.library import Library
from otmf_core.library.orders import order
from otmf_core.methods.table import METHODS
from otmf_core.settings import Setting
from otmf_core.tracking.table import TOOLS

NONE = object()  # "none" was given, which is not the same as nothing
ALIASES = {"iterations": ("--steps",)}  # what an option was called before


def add_merge(parser: ArgumentParser) -> None:
    """--tasks or --suite, --order-seed, --preset, --method, and one option for every other setting."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--tasks", metavar="A,B,C", help="two or more task ids, in the order in which they are merged")
    which.add_argument("--suite", metavar="N", help="a suite of the library: 8, 14 or 20 tasks in the embedded one")
    shuffle = "shuffle the suite by this seed, any whole number; the field reports 42 to 51 (default: canonical order)"
    parser.add_argument("--order-seed", type=int, metavar="S", help=shuffle)
    parser.add_argument(
        "--preset", choices=presets(), default="default", help="settings to start from (default: default)"
    )
    methods = "; ".join(f"{name}: {method.about}" for name, method in METHODS.items())
    parser.add_argument(
        "--method", choices=tuple(METHODS), help=f"how two task vectors are fused (default: otmf). {methods}"
    )
    own: dict[str, dict[str, Setting]] = {}  # by setting, of the methods that have it
    for method in METHODS:
        for name, setting in METHODS[method].described().items():
            own.setdefault(name, {})[method] = setting
    for name, settings in own.items():
        _add(parser, name, list(settings.values()), "; ".join(_method_help(*item) for item in settings.items()))
    for name, setting in run_settings().items():
        if name not in ("tasks", "preset"):
            _add(parser, name, [setting], _help(setting, PRESETS))


def path(text: str) -> Path:
    """A path as it was typed, ~ expanded: shells leave that of --out=~/runs to the program."""
    try:
        return user_path(text)
    except InputError as error:
        raise ArgumentTypeError(str(error)) from None


def _library(text: str) -> str:
    """An installed library's name, or the whole path of a folder, so that a run finds it from wherever it is read."""
    installed = text == Path(text).name and os.path.isfile(libraries.ASSETS / text / "manifest.json")
    return text if installed else os.path.abspath(path(text))


def add_library(parser: ArgumentParser) -> None:
    """--library alone."""
    setting = run_settings()["library"]
    _add(parser, "library", [setting], _help(setting, {}))


def add_run(parser: ArgumentParser) -> None:
    """The run that a command is about."""
    parser.add_argument("run", metavar="RUN", help="an id under --out, or the path of a run folder")


def add_out(parser: ArgumentParser) -> None:
    """--out, the folder of all runs."""
    parser.add_argument(
        "--out", type=path, default=Path("runs"), metavar="FOLDER", help="folder of all runs (default: runs)"
    )


def add_track(parser: ArgumentParser) -> None:
    """--track, the tools that runs are mirrored into."""
    tools = "; ".join(f"{name}: {tool.about}" for name, tool in TOOLS.items())
    parser.add_argument(
        "--track",
        action="append",
        choices=tuple(TOOLS),
        default=[],
        help=f"also keep scalars, settings, accuracy matrix and model card with this tool, which is installed by "
        f"pip install 'otmf[NAME]'; may be given several times. {tools} (default: none)",
    )


def add_json(parser: ArgumentParser, otherwise: str = "tables") -> None:
    """--json, one object on stdout."""
    text = f"print exactly one JSON object on stdout (default: {otherwise})"
    parser.add_argument("--json", action="store_true", help=text)


def overrides(options: Namespace) -> dict[str, Any]:
    """The settings that were given on the command line; the preset decides on the others."""
    names = ["method", *run_settings(), *(name for method in METHODS.values() for name in method.described())]
    values = {name: getattr(options, name) for name in names if name not in ("tasks", "preset")}
    return {name: None if value is NONE else value for name, value in values.items() if value is not None}


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


def _add(parser: ArgumentParser, name: str, settings: list[Setting], text: str) -> None:
    """An option for a setting, or for namesakes of several methods, whose kinds are then the first one's."""
    first = settings[0]
    flags = ("--" + name.replace("_", "-"), *ALIASES.get(name, ()))
    default = first.default if name == "library" else None  # None: not given, so that the preset decides
    text = text.replace("%", "%%")
    if first.kind == "bool" and not first.optional:
        parser.add_argument(*flags, dest=name, action=BooleanOptionalAction, default=default, help=text)
        return
    if first.kind == "choice" and not (first.optional or first.many):
        values = tuple(dict.fromkeys(value for setting in settings for value in setting.values))
        parser.add_argument(*flags, dest=name, type=type(values[0]), choices=values, default=default, help=text)
        return
    metavar = {"int": "N", "float": "X", "text": "NAME", "bool": "on|off", "choice": "|".join(map(str, first.values))}
    kind = metavar[first.kind] + (",…" if first.many else "") + ("|none" if first.optional else "")
    parse = _library if name == "library" else _parser(first)
    parser.add_argument(*flags, dest=name, type=parse, metavar=kind, default=default, help=text)


def _parser(setting: Setting) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = setting.parse(text)
        except ValueError as error:
            raise ArgumentTypeError(f"{error}") from None
        return NONE if value is None else value

    parse.__name__ = setting.kind  # in argparse's sentence
    return parse


def _method_help(method: str, setting: Setting) -> str:
    return _help(setting, METHODS[method].presets, method)


def _help(setting: Setting, of_presets: Any, method: str = "") -> str:
    notes = [method, setting.bounds, f"default: {_plain(setting.default)}"]
    if setting.shown.given:
        name, values = setting.shown.given
        notes.insert(1, f"with {name} {', '.join(map(_plain, values))}")
    for preset, fields in of_presets.items():
        if fields.get(setting.name, setting.default) != setting.default:
            notes.append(f"{preset}: {_plain(fields[setting.name])}")
    trades = "".join(f"; {_plain(value)}: {text}" for value, text in setting.shown.trades.items())
    return f"{setting.description}{trades} ({'; '.join(note for note in notes if note)})"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
