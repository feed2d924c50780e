"""The tables of the README: every method on the suites of 8, 14 and 20 tasks, over the field's shuffled orders.

    python -m tests.benchmarks.suites --suite 8 --orders 42-51 --out runs-benchmark

Finished runs under --out are reused, so a stopped table continues where it was. Test images are read by evaluation
alone; every run folder records its seed, order, labels and splits.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean, pstdev

from otmf_core.config import MergeConfig
from otmf_core.library.library import open_library, order
from otmf_core.merging.merge import run_merge
from otmf_core.runs.folder import list_runs
from otmf_core.runs.record import RunRecord

SCALINGS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7)


def variants(names: list[str]) -> dict[str, dict]:
    """Table row → the configuration fields it stands for."""
    rows = {
        "average": {"method": "average"},
        **{f"task arithmetic, λ = {s:g}": {"method": "task-arithmetic", "scaling": s} for s in SCALINGS},
        "OTMF paper": {"preset": "paper"},
        "OTMF default, memory 0": {"memory": 0},
        "OTMF default": {},
        "OTMF paper, tuned heads": {"preset": "paper", "heads": "tuned"},
        "OTMF default, tuned heads": {"heads": "tuned"},
    }
    return {name: fields for name, fields in rows.items() if not names or any(name.startswith(n) for n in names)}


def record_of(config: MergeConfig, out: Path) -> RunRecord:
    """The record of this configuration: of a finished run under `out`, or of a new one."""
    for run in list_runs(out)[0]:
        if run.record is not None and run.config == config:
            return run.record
    return run_merge(config, out, emit=lambda event: None, should_stop=lambda: False)


def spread(values: list[float]) -> str:
    return f"{fmean(values):.1f} ± {pstdev(values):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="8", help="8, 14 or 20 (default 8)")
    parser.add_argument("--orders", default="42-51", help="order seeds, first-last (default 42-51)")
    parser.add_argument("--only", nargs="*", default=[], help="rows whose name begins so (default all)")
    parser.add_argument("--library", default="minizoo", help="library id or folder (default minizoo)")
    parser.add_argument("--out", type=Path, default=Path("runs-benchmark"), help="folder of the runs")
    options = parser.parse_args()
    library = open_library(options.library)
    first, _, last = options.orders.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    print("| method | orders | labels | ACC | BWT | stability | plasticity | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for name, fields in variants(options.only).items():
        records = []
        for seed in seeds:
            tasks = order(library, options.suite, seed)
            preset = fields.get("preset", "default")
            overrides = {key: value for key, value in fields.items() if key != "preset"}
            config = MergeConfig.build(preset, tasks=tasks, library=options.library, **overrides)
            records.append(record_of(config, options.out))
        columns = [[getattr(r, key) for r in records] for key in ("acc", "bwt", "stability", "plasticity", "seconds")]
        cells = [spread(values) if None not in values else "–" for values in columns]
        print(f"| {name} | {len(records)} | {records[0].labels} | {' | '.join(cells)} |", flush=True)
    zero_shot, individual = (fmean(row) for row in (records[0].zero_shot, records[0].individual))
    print(f"\nMean of {options.suite} tasks: zero-shot {zero_shot:.1f}, individual {individual:.1f}")
    print(json.dumps(records[0].versions))


if __name__ == "__main__":
    main()
