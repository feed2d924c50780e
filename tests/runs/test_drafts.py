"""Hidden folders beside the runs: gone at the end, swept after a kill, never while they are in use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from otmf_core.config import MergeConfig
from otmf_core.runs.drafts import PREFIXES, draft_folder, sweep
from otmf_core.runs.folder import create_run, list_runs

USER = """
import sys
from pathlib import Path
from otmf_core.runs.drafts import draft_folder
with draft_folder(Path(sys.argv[1]), ".import-") as draft:
    (draft / "deep").mkdir()
    (draft / "deep/file").write_text("")
    print(draft.name, flush=True)
    input()
"""


def test_a_draft_is_gone_at_the_end_also_of_a_failure(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), draft_folder(tmp_path / "runs", ".import-") as draft:
        (draft / "file").write_text("")
        raise ZeroDivisionError
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_a_kill_leaves_is_swept_and_what_is_in_use_is_not(tmp_path: Path):
    command = [sys.executable, "-c", USER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        sweep(tmp_path)
        assert (tmp_path / name / "deep/file").exists()
        process.kill()
        process.wait()
    create_run(tmp_path / "a", MergeConfig.build(tasks=("x", "y")))  # sweeps before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_folder_without_a_claim_is_swept_once_it_is_old(prefix: str, tmp_path: Path):
    """As version 0.1.0 left them."""
    for name in (f"{prefix}old", f"{prefix}new", ".hidden"):
        (tmp_path / name / "run").mkdir(parents=True)
    (tmp_path / f"{prefix}empty").mkdir()
    os.utime(tmp_path / f"{prefix}old", (0, time.time() - 3600))
    os.utime(tmp_path / ".hidden", (0, 0))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{prefix}new", ".hidden"}
    assert list_runs(tmp_path) == ([], [])
