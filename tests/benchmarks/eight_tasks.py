"""How long the default merge of Mini-20's first eight tasks takes, and until its first sign of progress.

    python -m tests.benchmarks.eight_tasks

Runs the command line as a user would, from process start to exit, evaluation of every step included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time


def main() -> None:
    with tempfile.TemporaryDirectory() as out:
        command = [
            sys.executable,
            "-m",
            "otmf_core",
            "merge",
            "--suite",
            "8",
            "--order-seed",
            "42",
            "--out",
            out,
            "--json",
        ]
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr and process.stdout
        process.stderr.read(1)
        first = time.monotonic() - began
        process.stderr.read()
        record = json.loads(process.stdout.read())
        process.wait()
        total = time.monotonic() - began
    peak = record["peak_memory_bytes"] / 2**30
    print(
        f"first progress {first:.1f} s, whole merge {total:.1f} s, ACC {record['acc']:.1f}, peak memory {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
