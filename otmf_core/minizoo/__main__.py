"""Make the embedded library or its example run, or judge a library: `build`, `example`, `regime`."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.library.library import ASSETS, Library, open_library
from otmf_core.minizoo import example, licences, pico_tasks, tasks
from otmf_core.minizoo.build import build
from otmf_core.minizoo.fetch import DEFAULT_CACHE, fetch_all
from otmf_core.minizoo.recipe import PICO, Recipe
from otmf_core.minizoo.regime import regime, table, verdict


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otmf_core.minizoo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="fetch the sources, pre-train, fine-tune every task, write the library")
    make.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="sources and finished stages (%(default)s)")
    make.add_argument("--out", type=Path, default=ASSETS / "minizoo", help="folder of the library (%(default)s)")
    make.add_argument("--seed", type=int, default=0, help="seed of every random draw (%(default)s)")
    make.add_argument("--pico", action="store_true", help="two tasks from scikit-learn's own images, in seconds")
    show = commands.add_parser("example", help="merge the run that pages show before there is another one")
    show.add_argument("--out", type=Path, default=example.OUT, help="folder of runs (%(default)s)")
    judge = commands.add_parser("regime", help="zero-shot, individual, average and task arithmetic of a library")
    judge.add_argument("--library", default="minizoo", help="an installed library or a folder (%(default)s)")
    judge.add_argument("--suite", help="a suite of the library (all of them)")
    judge.add_argument(
        "--split",
        choices=("calibration", "labelled", "test"),
        default="labelled",
        help="which images are judged (%(default)s)",
    )
    return parser


def make(cache: Path, out: Path, seed: int, pico: bool) -> Library:
    """Build the embedded library, or the two-task pico library, at `out`."""
    if pico:
        return build(
            pico_tasks.pico(),
            pico_tasks.pico_pretraining(),
            out,
            cache / "work",
            name="Pico",
            recipe=PICO,
            seed=seed,
            sources={"scikit-learn": version("scikit-learn")},
            licences=licences.text(["scikit-learn"]),
            further_texts=[],
        )
    sources = fetch_all(cache)
    return build(
        tasks.tasks(cache),
        tasks.pretraining(cache),
        out,
        cache / "work",
        name="Mini-20",
        recipe=Recipe(),
        seed=seed,
        sources=sources,
        licences=licences.text(),
        further_texts=tasks.further_texts(),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when done, 2 on bad input, 130 when interrupted (a later build continues)."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "build":
            library = make(options.cache, options.out, options.seed, options.pico)
            size = sum(path.stat().st_size for path in library.root.rglob("*") if path.is_file())
            print(f"{library.name}: {len(library.tasks)} tasks, {size / 1e6:.1f} MB, in {library.root}")
        elif options.command == "example":
            run = example.make_example(options.out)
            size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
            print(f"{run.name}: {size / 1e6:.1f} MB, in {options.out}")
        else:
            library = open_library(options.library)
            for suite in [options.suite] if options.suite else library.suites:
                result = regime(library, suite, options.split)
                print(table(result), *(f"not so: {rule}" for rule in verdict(result)), sep="\n", end="\n\n")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; the same command continues where this one stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
