"""A grid of merges: which methods over which orders, and which of its runs are there, go on, or are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from otmf_core.analysis.comparison import settings
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.methods.table import METHODS
from otmf_core.runs.folder import Run

MOST_ORDERS = 100
AT = "@"  # between a method and its preset: otmf@paper


@dataclass(frozen=True)
class Entry:
    """One row of a grid: its name, and the settings that differ from the defaults, `method` among them."""

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A grid against the runs there are: finished ones by merge, those to go on with, and those still to begin."""

    done: Mapping[str, Run]  # by content, see `content`
    resume: Mapping[str, Run]
    missing: tuple[MergeConfig, ...]
    going: Mapping[str, MergeConfig] = field(default_factory=dict)  # by run, of whoever carries out the plan


def entries(methods: str) -> list[Entry]:
    """The rows of a list of methods, `all` for every method with each of its presets; raises InputError.

    A method is named alone, with its default settings, or with one of its presets: `otmf,otmf@paper`.
    """
    every = list(METHODS) + [f"{name}{AT}{own}" for name in METHODS for own in METHODS[name].presets]
    names = every if methods == "all" else [name.strip() for name in methods.split(",")]
    unknown = [name for name in names if name not in every]
    if unknown:
        raise InputError(f"a method to compare is one of all, {', '.join(every)}, received {shown(unknown[0])}")
    return [_entry(name) for name in dict.fromkeys(names)]


def grid(rows: Sequence[Entry], orders: Iterable[tuple[str, ...]], shared: Mapping[str, Any]) -> list[MergeConfig]:
    """Every row over every order of tasks, order by order, so that a part of the grid is a comparison too.

    `shared` are settings of all of them. Raises InputError as `MergeConfig.build` does.
    """
    configs = []
    for tasks in orders:
        configs += [MergeConfig.build(**{"tasks": tasks, **shared, **row.settings}) for row in rows]
    return configs


def plan(
    configs: Sequence[MergeConfig], runs: Iterable[Run], library: str, begun: Mapping[str, MergeConfig] | None = None
) -> Plan:
    """The grid against these runs (newest first); a run counts where nothing that a merge reads differs.

    `library` is the SHA-256 of the manifest; `begun` are merges, by run id, that whoever carries out the plan has under
    way. Runs under way elsewhere are left alone, and count as neither.
    """
    asked = {content(config): config for config in configs}
    done: dict[str, Run] = {}
    resume: dict[str, Run] = {}
    active = set()
    for run in runs:
        key = content(run.config)
        if key not in asked or run.state.library not in ("", library):
            continue
        if run.status == "done":
            done.setdefault(key, run)
        elif run.status in ("running", "queued"):
            active.add(key)
        else:
            resume.setdefault(key, run)
    going = {run: config for run, config in (begun or {}).items() if content(config) in asked.keys() - done.keys()}
    active.update(map(content, going.values()))
    resume = {key: run for key, run in resume.items() if key not in done and key not in active}
    known = done.keys() | resume.keys() | active
    return Plan(done, resume, tuple(config for key, config in asked.items() if key not in known), going)


def content(config: MergeConfig) -> str:
    """What tells one merge from another: every setting that it reads, in a fixed order."""
    return repr(sorted(settings(config).items()))


def order_seeds(text: str) -> list[int]:
    """The seeds of `42-51`, `42` or `40,42-44`; raises InputError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise InputError(f"orders are seeds such as 42-51 or 40,41, received {shown(text)}")
        if int(last or first) - int(first) >= MOST_ORDERS or len(seeds) >= MOST_ORDERS:
            raise InputError(f"a comparison has at most {MOST_ORDERS} orders, received {shown(text)}")
        seeds += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(seeds))


def _entry(name: str) -> Entry:
    method, _, preset = name.partition(AT)
    return Entry(name, {"method": method, **({"preset": preset} if preset else {})})
