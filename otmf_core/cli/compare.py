"""The command that compares: a grid of methods over orders, run through the queue, and its table."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from otmf_core.analysis import grid as grids
from otmf_core.analysis.ablations import ABLATIONS, WHOLE, ablation_entries, part_of
from otmf_core.analysis.comparison import METRICS, Row
from otmf_core.analysis.results import write_results
from otmf_core.analysis.standings import standings
from otmf_core.cli import options as cli_options
from otmf_core.cli import tables as cli_tables
from otmf_core.cli.exit_codes import DONE, TROUBLE
from otmf_core.cli.grid import add_grid, carry_out, orders_and_shared
from otmf_core.library.library import open_library
from otmf_core.runs.folder import Run

DIGITS = {"seconds": 0, "memory_gib": 2}
NAMES = {"acc": "ACC", "bwt": "BWT", "memory_gib": "GiB", "held_out": "held out"}


def add_options(parser: ArgumentParser) -> None:
    """The options of `compare`."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--suite", metavar="N", help="a suite of the library: 8, 14 or 20 tasks in the embedded one")
    which.add_argument("--tasks", metavar="A,B,C", help="two or more task ids, in their canonical order")
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument(
        "--methods",
        metavar="A,B",
        help="methods, each with its defaults or, as otmf@paper, with one of its presets (default: all of them)",
    )
    rows.add_argument(
        "--preset",
        choices=("ablations",),
        help=f"rows that are made already. ablations: OTMF, and what differs from it in its {', '.join(ABLATIONS)}",
    )
    parser.add_argument(
        "--against",
        metavar="A",
        help="the row that the others are held against, order by order (default: the best; of ablations, OTMF itself)",
    )
    add_grid(parser, "42-51", "also write the finished runs' figures to this file")
    parser.set_defaults(command=_compare, order_seed=None)  # of `merge`, which has one order


def _compare(options: Namespace) -> int:
    """Run what the grid lacks, then print its table; 1 where a run failed."""
    library = open_library(options.library)
    entries = ablation_entries() if options.preset else grids.entries(options.methods or "all")
    tasks = cli_options.tasks(options, library)
    configs = grids.grid(entries, *orders_and_shared(options, library, tasks))
    names = {grids.content(config): entries[index % len(entries)].name for index, config in enumerate(configs)}
    carried = carry_out(configs, names, options, library.manifest_hash)
    if isinstance(carried, int):
        return carried
    runs, failed = carried.runs, carried.failed
    _print(options, runs, names, failed)
    if options.results and runs:
        write_results(options.results, runs, _command(options))
    return TROUBLE if failed else DONE


def table(options: Namespace, runs: Sequence[Run], names: Mapping[str, str]) -> list[Row]:
    """The rows of `standings`; of ablations, with the `part` that each is about, part by part.

    `names` has the methods' names by content of their configurations. Raises InputError where `--against` is not there.
    """
    there = {names[grids.content(run.config)] for run in runs}
    against = options.against or (WHOLE.name if options.preset and WHOLE.name in there else None)
    rows, groups = standings(runs, {run.id: names[grids.content(run.config)] for run in runs}, against)
    if not options.preset:
        return rows
    rows = [{"part": part_of(group[0].config), **row} for row, group in zip(rows, groups, strict=True)]
    return sorted(rows, key=lambda row: list(ABLATIONS).index(row["part"]) if row["part"] in ABLATIONS else -1)


def _command(options: Namespace) -> str:
    which = f"--suite {options.suite}" if options.suite else f"--tasks {options.tasks}"
    rows = f"--preset {options.preset}" if options.preset else f"--methods {options.methods or 'all'}"
    return f"otmf compare {which} --orders {options.orders} {rows} --seed {options.seed}"


def _print(options: Namespace, runs: Sequence[Run], names: Mapping[str, str], failed: Mapping[str, str]) -> None:
    rows = table(options, runs, names)
    if options.json:
        values = {"command": _command(options), "rows": rows, "runs": [run.id for run in runs], "failed": dict(failed)}
        print(json.dumps(values, allow_nan=False))
        return
    orders = len({run.config.tasks for run in runs})
    title = (
        f"Test accuracy, %, mean ± standard deviation of {orders} orders; time, the median; "
        "differences in ACC from the reference"
    )
    cli_tables.print_rows(title, [_shown(row) for row in rows])


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {"part": row["part"]} if "part" in row else {}
    cells |= {"method": row["name"], "labels": row["labels"], "kept": row["images_kept"], "n": row["n"]}
    for name in METRICS:
        digits = DIGITS.get(name, 1)
        cells[NAMES.get(name, name)] = _mean(row[name], row[f"{name}_std"], digits)
    interval = "" if row["low"] is None else f" [{row['low']:+.1f}, {row['high']:+.1f}]"
    cells["difference"] = None if row["difference"] is None else f"{row['difference']:+.1f}{interval}"
    cells["win/tie/loss"] = row["win_tie_loss"]
    return cells


def _mean(mean: float | None, deviation: float | None, digits: int) -> str | None:
    if mean is None:
        return None
    return f"{mean:.{digits}f}" + (f" ± {deviation:.{digits}f}" if deviation is not None else "")
