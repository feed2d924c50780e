"""A disk that fills up: one sentence, and nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from otmf_core import files
from otmf_core.errors import InputError
from otmf_core.merging.merge import resume_merge
from otmf_core.runs.folder import load_run
from tests.tiny import contents, merge_config, merged, never, refused, results


def fill_up(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let `after` files be written and none after them, as on a full disk."""
    left = after

    def replace(old: Path, new: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.rename(old, new)

    monkeypatch.setattr(files.os, "replace", replace)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_full_disk_before_the_run_begins(after: int, tiny: Path, out: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        fill_up(patch, after)
        sentence = refused(merge_config(tiny), out)
    assert sentence.startswith(f"the disk is full: {out}/refused/")


def test_a_disk_that_fills_up_at_any_later_moment_loses_nothing(tiny: Path, out: Path, monkeypatch: pytest.MonkeyPatch):
    config = merge_config(tiny, iterations=1, tasks=("red", "green"))
    expected = results(merged(config, out, "through"))
    earlier = contents(out)
    for after in range(3, 100):
        with monkeypatch.context() as patch:
            fill_up(patch, after)
            try:
                merged(config, out, "new")
                break
            except InputError as error:
                assert str(error).startswith(f"the disk is full: {out}/new/")
        run = out / "new"
        assert load_run(run).status in ("queued", "interrupted")  # "failed" does not fit on the disk either
        assert not list(run.rglob("*.part"))
        resume_merge(run, emit=lambda event: None, should_stop=never)
        assert results(run) == expected
        shutil.rmtree(run)
    assert after > 10
    shutil.rmtree(out / "new")
    assert contents(out) == earlier


def test_an_out_folder_that_is_a_file(tiny: Path, tmp_path: Path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match=r"^the folder must be writable: "):
        merged(merge_config(tiny, method="average"), tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"
