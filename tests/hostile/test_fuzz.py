"""A short campaign of the fuzzer; the long one is `python -m tests.benchmarks.fuzz --seconds 300`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.hostile.mutations import mutated
from tests.hostile.zips import packed
from tests.tiny import ROOT

INPUTS, SEED = 150, 2026


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_what_is_damaged_by_chance_is_read_or_refused(tmp_path: Path):
    given = ["--inputs", str(INPUTS), "--seconds", "600", "--seed", str(SEED), "--keep", str(tmp_path / "findings")]
    command = [sys.executable, "-m", "tests.benchmarks.fuzz", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed {SEED}: {INPUTS} inputs" in done.stdout
    assert not (tmp_path / "findings").exists()


def test_a_seed_always_damages_the_same_bytes(sound: Path, sound_run: Path):
    files = {
        "manifest.json": (sound / "manifest.json").read_bytes(),
        "head.safetensors": (sound / "tasks/green/head.safetensors").read_bytes(),
        "test.parquet": (sound / "tasks/green/test.parquet").read_bytes(),
        "run.zip": packed({"merged.safetensors": (sound_run / "merged.safetensors").read_bytes()}),
    }
    for name, content in files.items():
        drawn = [mutated(Random(seed), name, content) for seed in range(30)]
        assert drawn == [mutated(Random(seed), name, content) for seed in range(30)]
        assert sum(damaged != content for damaged in drawn) > 20
        assert len(set(drawn)) > 20
