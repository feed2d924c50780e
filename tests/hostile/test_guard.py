"""The guard sees what it is there for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.box import Box
from tests.hostile.guard import tree, watched, within


def seen_of(box: Box, act: Callable[[], object]) -> list[str]:
    with watched(box.runs, box.outside) as seen:
        act()
    return [line.split()[0] for line in seen]


def test_processes_and_the_network_are_seen(box: Box):
    assert "subprocess.Popen" in seen_of(box, lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    assert seen_of(box, lambda: os.system("true")) == ["os.system"]
    assert seen_of(box, lambda: socket.getaddrinfo("127.0.0.1", 1)) == ["socket.getaddrinfo"]


def test_files_elsewhere_are_seen(box: Box, tmp_path: Path):
    box.runs.mkdir()
    assert seen_of(box, lambda: (box.runs / "a").write_text("x")) == []
    assert seen_of(box, lambda: (box.runs / "a").rename(box.runs / "b")) == []
    assert seen_of(box, lambda: (tmp_path / "a").write_text("x")) == ["open"]
    assert seen_of(box, lambda: (box.runs / "b").rename(tmp_path / "b")) == ["os.rename"]
    assert seen_of(box, lambda: (tmp_path / "c").mkdir()) == ["os.mkdir"]
    assert seen_of(box, lambda: (tmp_path / "a").read_text()) == []
    assert seen_of(box, lambda: (box.outside / "head.safetensors").read_text()) == ["open"]
    assert seen_of(box, lambda: (box.runs / "../outside/head.safetensors").read_text()) == ["open"]


def test_a_tree_tells_every_change(box: Box):
    before = tree(box.root)
    (box.outside / "head.safetensors").write_bytes(b"longer than it was before")
    assert tree(box.root) != before
    os.symlink("/", box.root / "link")
    assert {"link", "outside", "outside/head.safetensors"} == tree(box.root).keys()


def test_what_hangs_is_ended(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TimeoutError), within(1):
        (tmp_path / "pipe").read_bytes()
    with within(1):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
