"""A short campaign of kills; the long one is `python -m tests.benchmarks.kills --count 100 --sweep`."""

from __future__ import annotations

import subprocess
import sys

from tests.tiny import ROOT


def test_what_is_killed_is_whole_goes_on_to_the_same_bits_or_goes():
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.kills",
        "--count",
        "4",
        "--seed",
        "7",
        "--sweep",
        "--every",
        "41",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical" in done.stdout
