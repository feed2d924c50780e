"""How long the default merge of Mini-20's first eight tasks takes, and until its first sign of progress.

    python -m tests.benchmarks.eight_tasks --times 5 --against 836a9f8

Runs the command line as a user would, from process start to exit, evaluation of every step included; with `--against`
by turns with the default of another commit, since only their ratio can be held against that on another machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

MERGE = ("merge", "--suite", "8", "--order-seed", "42", "--evaluate", "all", "--json")
HERE = Path(__file__).resolve().parents[2]


class Measured(NamedTuple):
    """Seconds until the first sign of progress and until the exit, ACC in percent, and peak memory in GiB."""

    first: float
    whole: float
    acc: float
    peak: float


def measure(tree: Path) -> Measured:
    """One merge by the working tree in that folder."""
    with tempfile.TemporaryDirectory() as out:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "otmf_core", *MERGE, "--out", out],
            cwd=tree,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stderr and process.stdout
        process.stderr.read(1)
        first = time.monotonic() - began
        process.stderr.read()
        record = json.loads(process.stdout.read())
        process.wait()
        whole = time.monotonic() - began
    return Measured(first, whole, record["acc"], record["peak_memory_bytes"] / 2**30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="merges of each; medians are printed (default: 1)")
    parser.add_argument("--against", metavar="COMMIT", help="a commit whose default is measured by turns")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trees = {"this": HERE}
        if arguments.against:
            trees = {arguments.against: Path(folder) / "tree", **trees}
            subprocess.run(
                ["git", "worktree", "add", "--quiet", "--detach", trees[arguments.against], arguments.against],
                cwd=HERE,
                check=True,
            )
        try:
            found: dict[str, list[Measured]] = {name: [] for name in trees}
            for _ in range(arguments.times):
                for name, tree in trees.items():
                    found[name].append(measure(tree))
        finally:
            if arguments.against:
                tree = trees[arguments.against]
                subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=HERE, check=True)
    for name, runs in found.items():
        first, whole, acc, peak = (median(values) for values in zip(*runs, strict=True))
        print(f"{name}: first progress {first:.1f} s, whole merge {whole:.1f} s, ACC {acc:.1f}, peak {peak:.2f} GiB")
    if arguments.against:
        old, new = (median(run.whole for run in found[name]) for name in trees)
        print(f"whole merge: {new / old:.2f} times that of {arguments.against}")


if __name__ == "__main__":
    main()
