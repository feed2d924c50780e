"""The claim on a run: held by one living process, taken from a dead one of this host, never from another host."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import create_run, delete_run, load_run, set_status
from otmf_core.runs.lock import Holder, owned, owner
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


def test_a_process_of_the_same_number_is_another_owner(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    started = psutil.Process().create_time() - 100
    (tmp_path / "a/owner.json").write_text(json.dumps({"pid": os.getpid(), "started": started}))
    assert owner(tmp_path / "a") is None


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
inside, draft, stale = (run / f"{name}.json" for name in ("inside", f"draft-{os.getpid()}", f"stale-{os.getpid()}"))
lock.write_json(draft, {"pid": os.getpid(), "started": lock.psutil.Process().create_time()})
print("ready", flush=True)
input()
deadline = time.monotonic() + 30
while wins < 100 and time.monotonic() < deadline:
    tries += 1
    try:
        lock._claim(run / "owner.json", draft)
    except InputError as error:
        assert "a run is merged by one process at a time" in str(error), error
        continue
    os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # raises when another is inside
    wins += 1
    inside.unlink()
    if wins % 3:  # die: the claim stays, by a process that is gone
        stale.write_text(f'{{"pid": {2**22 + 1}, "started": {tries}, "by": {os.getpid()}}}')
        os.replace(stale, run / "owner.json")
    else:
        (run / "owner.json").unlink()
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
    assert [int(wins) for wins, _ in results] == [100] * 3
    assert not list((tmp_path / "a").glob("owner.*.json"))  # nothing is left of the takeovers


def test_one_who_died_while_taking_over_does_not_block_the_next(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    stale = b'{"pid": 4194305, "started": 1}'
    (tmp_path / "a/owner.json").write_bytes(stale)
    takeover = tmp_path / f"a/owner.{hashlib.sha256(stale).hexdigest()[:16]}.json"
    takeover.write_text('{"pid": 4194306, "started": 2}')
    with owned(tmp_path / "a"):
        assert owner(tmp_path / "a") == Holder(os.getpid())
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"config.json", "status.json"}


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
    assert owner(tmp_path / "a") == Holder(2**22 + 1, "elsewhere")
    assert load_run(tmp_path / "a").status == "running"
    for attempt in (lambda: owned(tmp_path / "a").__enter__(), lambda: delete_run(tmp_path / "a")):
        with pytest.raises(InputError, match="held by process 4194305 of elsewhere; only if that one is") as caught:
            attempt()
        assert is_one_sentence(str(caught.value))
    assert (tmp_path / "a/owner.json").read_text() == claim
