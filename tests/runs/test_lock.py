"""The claim on a run: held by one living process, and taken from one that is surely gone."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs import lock, machine, system_lock
from otmf_core.runs.folder import create_run, delete_run, load_run, set_status
from otmf_core.runs.lock import HeldError, Holder, owned, owner, take_over
from tests.tiny import is_one_sentence

CONFIG = MergeConfig.build(tasks=("x", "y"))


def test_a_running_run_has_an_owner_while_it_is_held(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    set_status(tmp_path / "a", "running")
    with owned(tmp_path / "a"):
        assert owner(tmp_path / "a") == Holder(os.getpid())
        assert load_run(tmp_path / "a").status == "running"
        with pytest.raises(InputError, match=f"a is held by process {os.getpid()}$"), owned(tmp_path / "a"):
            pass
    assert owner(tmp_path / "a") is None
    assert load_run(tmp_path / "a").status == "interrupted"


def test_a_dead_owner_holds_nothing(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    set_status(tmp_path / "a", "running")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        claim = {"pid": process.pid, "started": psutil.Process(process.pid).create_time()}
        (tmp_path / "a/owner.json").write_text(json.dumps(claim))
        assert load_run(tmp_path / "a").status == "running"
        process.kill()

        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert load_run(tmp_path / "a").status == "interrupted"  # dead, though its parent has not noticed
    assert load_run(tmp_path / "a").status == "interrupted"
    with owned(tmp_path / "a"):
        assert owner(tmp_path / "a") == Holder(os.getpid())


def test_a_living_process_of_that_number_may_be_the_holder_of_an_old_claim(tmp_path: Path):
    """When a process began is told by a clock that is set and moved: it proves nothing."""
    create_run(tmp_path / "a", CONFIG)
    started = psutil.Process().create_time() - 100
    (tmp_path / "a/owner.json").write_text(json.dumps({"pid": os.getpid(), "started": started}))
    assert owner(tmp_path / "a") == Holder(os.getpid(), None, sure=False)
    with pytest.raises(HeldError, match="resume --take-over"), owned(tmp_path / "a"):
        pass


@pytest.mark.parametrize(
    "claim", ["", "[]", "{}", '{"pid": null, "started": 1}', '{"pid": -3, "started": 1}', '{"pid": "x", "started": 1}']
)
def test_a_damaged_claim_is_none(claim: str, tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    (tmp_path / "a/owner.json").write_text(claim)
    assert owner(tmp_path / "a") is None


RACER = """
import os, sys, time
from pathlib import Path
from otmf_core.errors import InputError
from otmf_core.runs import lock

run, wins, tries = Path(sys.argv[1]), 0, 0
inside, stale = (run / f"{name}.json" for name in ("inside", f"stale-{os.getpid()}"))
print("ready", flush=True)
input()
deadline = time.monotonic() + 60
while wins < 50 and time.monotonic() < deadline:
    tries += 1
    lock.owner(run)  # whoever looks disturbs nobody
    try:
        with lock.owned(run):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # raises when another is inside
            wins += 1
            inside.unlink()
            if wins % 3:  # as one who died would leave it
                stale.write_text((run / "owner.json").read_text())
        if wins % 3:
            os.replace(stale, run / "owner.json")
    except lock.HeldError as error:
        assert "a run is merged by one process at a time" in str(error), error
print(wins)
"""


def test_of_processes_that_race_for_a_run_one_wins(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    command = [sys.executable, "-c", RACER, str(tmp_path / "a")]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    results = [racer.communicate() for racer in racers]
    assert [errors for _, errors in results] == ["", "", ""]
    assert [int(wins) for wins, _ in results] == [50] * 3


HOLDER = """
import sys
from pathlib import Path
from otmf_core.runs.lock import owned
with owned(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@contextmanager
def held_elsewhere(run: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds the run."""
    command = [sys.executable, "-c", HOLDER, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("change", ["clock", "host", "namespace", "claim deleted", "claim damaged"])
def test_a_living_holder_is_never_taken_for_dead(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A stepped clock, another container on the volume, whatever its claim says: the system's lock is held."""
    create_run(tmp_path / "a", CONFIG)
    set_status(tmp_path / "a", "running")
    with held_elsewhere(tmp_path / "a") as process:
        if change == "clock":
            monkeypatch.setattr(psutil.Process, "create_time", lambda self: 5.0)
        elif change == "host":
            monkeypatch.setattr(lock, "host", lambda: "elsewhere")
        elif change == "namespace":
            monkeypatch.setattr(lock, "_lives", lambda pid: False)
        elif change == "claim deleted":
            (tmp_path / "a/owner.json").unlink()
        else:
            (tmp_path / "a/owner.json").write_text("{")
        holder = owner(tmp_path / "a")
        assert holder and holder.sure
        assert load_run(tmp_path / "a").status == "running"
        for attempt in (lambda: owned(tmp_path / "a").__enter__(), lambda: delete_run(tmp_path / "a")):
            with pytest.raises(HeldError, match="is held by"):
                attempt()
        with pytest.raises(HeldError):
            take_over(tmp_path / "a")
        assert process.poll() is None
    assert load_run(tmp_path / "a").status == "interrupted"


def test_one_who_was_killed_blocks_nobody(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    with held_elsewhere(tmp_path / "a") as process:
        process.kill()
        process.wait()
        assert (tmp_path / "a/owner.json").exists()
        assert owner(tmp_path / "a") is None
        with owned(tmp_path / "a"):
            assert owner(tmp_path / "a") == Holder(os.getpid())
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"config.json", "status.json"}


GONE, UNKNOWN = None, Holder(7, "elsewhere", sure=False)
HERE = {"host": "here", "boot": "one", "pid": 7, "locked": True}


@pytest.mark.parametrize(
    ("claim", "own_disk", "expected"),
    [
        (HERE, False, GONE),
        ({**HERE, "host": "elsewhere"}, False, GONE),  # another container of this system: its locks are seen
        ({**HERE, "boot": "two"}, True, GONE),  # this host, started anew
        ({**HERE, "boot": "two"}, False, UNKNOWN._replace(host=None)),  # or another of that name, on a shared disk
        ({**HERE, "boot": "two", "host": "elsewhere"}, True, UNKNOWN),
        ({**HERE, "boot": "two", "host": "elsewhere"}, False, UNKNOWN),
        ({**HERE, "locked": False}, True, UNKNOWN._replace(host=None)),  # a disk without locks: nothing is known
    ],
)
def test_a_claim_without_a_lock_is_taken_when_its_process_is_surely_gone(
    claim: dict, own_disk: bool, expected: Holder | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    create_run(tmp_path / "a", CONFIG)
    for name, value in (("host", "here"), ("boot", "one"), ("is_own_disk", own_disk)):
        monkeypatch.setattr(lock, name, lambda *_, value=value: value)
    (tmp_path / "a/owner.json").write_text(json.dumps(claim))
    assert owner(tmp_path / "a") == expected
    if expected is None:
        with owned(tmp_path / "a"):
            pass
        return
    with pytest.raises(HeldError, match="cannot be known from here whether it still runs") as caught:
        owned(tmp_path / "a").__enter__()
    assert is_one_sentence(str(caught.value).replace(str(tmp_path), ""))
    take_over(tmp_path / "a")  # its reader knows
    with owned(tmp_path / "a"):
        pass


def test_on_a_disk_without_locks_one_wins_and_nothing_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    create_run(tmp_path / "a", CONFIG)

    def no_locks(file: int, alone: bool) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(system_lock, "_lock", no_locks)
    with owned(tmp_path / "a"):
        assert json.loads((tmp_path / "a/owner.json").read_text())["locked"] is False
        assert owner(tmp_path / "a") == Holder(os.getpid(), None, sure=False)
        with pytest.raises(HeldError, match="cannot be known"), owned(tmp_path / "a"):
            pass
        assert (tmp_path / "a/owner.json").exists()
    assert owner(tmp_path / "a") is None
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"config.json", "status.json"}


def test_disks_are_known_by_their_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Mount = namedtuple("Mount", "mountpoint fstype opts")
    mounts = [Mount("/", "ext4", "rw"), Mount(str(tmp_path / "net"), "nfs4", "rw"), Mount(str(tmp_path), "xfs", "rw")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    assert machine.is_own_disk(tmp_path / "runs")
    assert machine.is_own_disk(tmp_path / "network")
    assert not machine.is_own_disk(tmp_path / "net/runs")
    mounts[:] = [Mount(str(tmp_path), "NTFS", "rw,remote")]
    assert not machine.is_own_disk(tmp_path / "runs")
    assert not machine.is_own_disk(Path("/elsewhere"))


def test_a_claim_names_its_host(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    with owned(tmp_path / "a"):
        claim = json.loads((tmp_path / "a/owner.json").read_text())
    assert (claim["host"], claim["pid"]) == (platform.node(), os.getpid())


def test_a_claim_of_another_host_is_never_taken(tmp_path: Path):
    """Whatever its process is called: here that number may be free, or another program's."""
    create_run(tmp_path / "a", CONFIG)
    set_status(tmp_path / "a", "running")
    claim = json.dumps({"host": "elsewhere", "pid": 2**22 + 1, "started": 1.0})
    (tmp_path / "a/owner.json").write_text(claim)
    assert owner(tmp_path / "a") == Holder(2**22 + 1, "elsewhere", sure=False)
    assert load_run(tmp_path / "a").status == "running"
    for attempt in (lambda: owned(tmp_path / "a").__enter__(), lambda: delete_run(tmp_path / "a")):
        with pytest.raises(
            InputError, match="held by process 4194305 of 'elsewhere', of which cannot be known"
        ) as caught:
            attempt()
        assert is_one_sentence(str(caught.value).replace(str(tmp_path), ""))
    assert (tmp_path / "a/owner.json").read_text() == claim
