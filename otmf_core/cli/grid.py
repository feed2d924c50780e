"""A grid of merges on the command line: what is there, what is run, and how it goes on."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from otmf_core.analysis import grid as grids
from otmf_core.cli import options as cli_options
from otmf_core.cli.exit_codes import DONE, INTERRUPTED
from otmf_core.cli.following import tracked
from otmf_core.cli.progress import StopSignals
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.jobs.base import Queue
from otmf_core.jobs.engine import merging_engine
from otmf_core.jobs.grid import Progress as GridProgress
from otmf_core.jobs.grid import run_grid
from otmf_core.jobs.queue import JobQueue
from otmf_core.library.library import Library
from otmf_core.library.orders import shuffled
from otmf_core.runs.folder import Run, list_runs
from otmf_core.runs.view import RunView


class Carried(NamedTuple):
    """The finished runs of a grid, and by run id why others failed."""

    runs: list[Run]
    failed: Mapping[str, str]


def add_grid(parser: ArgumentParser, orders: str, results: str) -> None:
    """The options of a command that runs a grid: its `orders` where none are given, and what its `results` are."""
    parser.add_argument(
        "--orders",
        default=orders,
        metavar="S-S",
        help=f"seeds of the shuffled orders, as 42-51 or 40,41 (default: {orders})",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of every draw (default: 0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument(
        "--on",
        metavar="CLUSTER",
        help="carry the merges out on a Ray cluster, at ray://HOST:PORT, HOST:PORT, or auto for the one that runs on "
        "this machine (default: here)",
    )
    parser.add_argument("--results", type=cli_options.path, metavar="FILE", help=results)
    parser.add_argument("--dry-run", action="store_true", help="say what would be run, and run nothing")
    cli_options.add_library(parser)
    cli_options.add_out(parser)
    cli_options.add_track(parser)
    cli_options.add_json(parser)


def orders_and_shared(
    options: Namespace, library: Library, tasks: Sequence[str]
) -> tuple[list[tuple[str, ...]], dict[str, Any]]:
    """The orders of `tasks`, given in their canonical one, that were asked for, and what all merges of a grid share.

    Tasks that are not merged are evaluated where there are any, so that one command uses the runs of another.
    """
    orders = [tuple(shuffled(tasks, seed)) for seed in grids.order_seeds(options.orders)]
    evaluate = "held-out" if len(tasks) < len(library.tasks) else "seen"
    return orders, {
        "library": options.library,
        "seed": options.seed,
        "device": options.device,
        "evaluate": evaluate,
    }


def carry_out(
    configs: Sequence[MergeConfig], names: Mapping[str, str], options: Namespace, library: str
) -> Carried | int:
    """Run what a grid lacks, and tell it on stderr; an exit code where it was only asked for, or stopped.

    `names` are of the rows, by content of their configurations; `options` are those of `add_grid`; `library` is the
    SHA-256 of the manifest.
    """
    out = options.out
    with _cluster(options) as cluster:
        plan = grids.plan(configs, list_runs(out)[0], library, cluster.configs() if cluster else {})
        print(_what(out, plan, len(names)), file=sys.stderr, flush=True)
        if options.dry_run:
            return DONE
        failed: Mapping[str, str] = {}
        if plan.going or plan.resume or plan.missing:
            queue = cluster or JobQueue(out, tracked(merging_engine, options.track, out))
            with StopSignals() as stop, _Lines(names) as lines:
                try:
                    failed = run_grid(queue, plan, lines, stop)
                except Interrupted:
                    print("Stopped. The same command goes on.", file=sys.stderr)
                    return INTERRUPTED
            plan = grids.plan(configs, list_runs(out)[0], library)
    for run, reason in failed.items():
        print(f"error: {run} failed: {reason}", file=sys.stderr)
    return Carried(list(plan.done.values()), failed)


@contextmanager
def _cluster(options: Namespace) -> Iterator[Queue | None]:
    """The queue of `--on`, None without it; raises InputError where it cannot be had."""
    if not options.on:
        yield None
        return
    if options.track:
        raise InputError("--track mirrors merges of this machine, --on has them on others: leave one of the two out")
    from otmf_core.jobs import cluster, ray

    with redirect_stdout(sys.stderr):  # Ray prints there which nodes were lost
        try:
            with closing(ray.RayQueue(options.out, options.on)) as queue:
                yield queue
        finally:
            cluster.disconnect()


def _what(out: Path, plan: grids.Plan, total: int) -> str:
    parts = [f"{len(plan.done)} of {total} merges are there"]
    parts += [f"{len(plan.going)} are under way"] * bool(plan.going)
    parts += [f"{len(plan.resume)} go on"] * bool(plan.resume) + [f"{len(plan.missing)} to begin"] * bool(plan.missing)
    return f"{', '.join(parts)} in {out}"


class _Lines:
    """Shows how a grid goes on, on stderr: a bar on a terminal, a line for each run that ended everywhere."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[left]}")
        tty = sys.stderr.isatty()
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not tty)
        self._row = self._bar.add_task("", total=None, left="")

    def __enter__(self) -> _Lines:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, progress: GridProgress) -> None:
        left = "" if progress.eta_seconds is None else f"ETA {timedelta(seconds=round(progress.eta_seconds))}"
        now = "" if progress.current is None else f"{self._name(progress.current.config)}: {progress.current.phase}"
        self._bar.update(self._row, total=progress.total, completed=progress.done, description=now, left=left)
        if progress.ended:
            self._console.print(f"[{progress.done}/{progress.total}] {self._end(progress.ended)} {left}".rstrip())

    def _end(self, view: RunView) -> str:
        name, record = self._name(view.config), view.record
        if record is None or record.acc is None or record.bwt is None:
            return f"{name}: {view.status} {view.message}"
        return f"{name}: ACC {record.acc:.1f}, BWT {record.bwt:+.1f}, {record.seconds:.0f} s."

    def _name(self, config: MergeConfig) -> str:
        return self._names.get(grids.content(config), config.method.title)
