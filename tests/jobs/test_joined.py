"""Two queues asked as one: which of them has a run, what the gate hears, and a cluster that cannot be had."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.jobs import joined, ray
from otmf_core.jobs.gate import Gate
from otmf_core.jobs.joined import JoinedQueue, joined_queue
from otmf_core.jobs.queue import JobQueue
from otmf_core.jobs.shared_folder import MARK
from tests.dashboard.fake_engine import FakeEngine
from tests.tiny import is_one_sentence


def config(**fields: Any) -> MergeConfig:
    return MergeConfig.build(**{"tasks": ("red", "green"), "iterations": 20, **fields})


def wait(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)


class Noting(Gate):
    """Lets `most` merges be active at once, takes a moment for it, and keeps what was active."""

    def __init__(self, most: int = 100):
        self.most = most
        self.seen: list[set[str]] = []

    def begin(self, run: str, config: MergeConfig, active: Mapping[str, MergeConfig]) -> None:
        self.seen.append({*active})
        time.sleep(0.02)
        if len(active) >= self.most:
            raise InputError("full")


def two(out: Path, gate: Gate | None = None, pause: float = 0.02) -> tuple[JoinedQueue, list[JobQueue]]:
    """A queue of two, and the two: the one here and, once it is used, the other."""
    queues: list[JobQueue] = []

    def make(own: Gate) -> JobQueue:
        queues.append(JobQueue(out, FakeEngine(pause), gate=own))
        return queues[-1]

    return JoinedQueue(make, make, gate), queues


def test_a_run_is_of_the_queue_that_it_was_given_to_last(tmp_path: Path):
    both, queues = two(tmp_path)
    here, there = both.submit(config()), both.submit(config(), on_cluster=True)
    assert [[run for run, _ in queue.active()] for queue in queues] == [[here], [there]]
    assert {run for run, _ in both.active()} == {here, there} == both.configs().keys()
    wait(lambda: (view := both.snapshot(there)) and view.iteration > 0)
    with pytest.raises(InputError, match="a run is deleted once it has ended"):
        both.delete(there)
    both.stop(there)
    wait(lambda: there not in dict(both.active()))
    assert both.snapshot(there).status == "stopped"  # type: ignore[union-attr]
    both.resume(there)
    both.resume(there, on_cluster=True)  # which changes nothing, as it goes on here
    wait(lambda: not both.active())
    assert [view.status for queue in queues if (view := queue.snapshot(there))] == ["done", "stopped"]
    assert both.snapshot(there).status == "done"  # type: ignore[union-attr]
    assert both.last_done() == queues[0].last_done()
    both.delete(there)
    assert both.snapshot(there) is None and not (tmp_path / there).exists()


def test_what_is_discarded_is_gone_wherever_it_was(tmp_path: Path):
    both, queues = two(tmp_path)
    runs = [both.submit(config(), place) for place in (False, True)]
    wait(lambda: all((view := both.snapshot(run)) and view.iteration > 0 for run in runs))
    for run in runs:
        both.discard(run)
    wait(lambda: not both.active())
    assert both.discarded == {*runs} and [queue.discarded for queue in queues] == [{runs[0]}, {runs[1]}]
    assert list(tmp_path.iterdir()) == []


def test_the_gate_hears_of_both_whichever_is_asked(tmp_path: Path):
    gate = Noting(most=2)
    both, _ = two(tmp_path, gate)
    here, there = both.submit(config()), both.submit(config(), on_cluster=True)
    for place in (False, True):
        with pytest.raises(InputError, match="full"):
            both.submit(config(), place)
    assert str(both.why_not(config())) == "full"
    assert gate.seen == [set(), {here}, *[{here, there}] * 3]
    both.close()


def test_merges_that_are_asked_for_in_both_at_one_moment_do_not_wait_for_each_other(tmp_path: Path):
    both, _ = two(tmp_path, Noting(), pause=0.0)
    both.submit(config(), on_cluster=True)

    def ask(place: bool) -> None:
        for _ in range(5):
            both.submit(config(iterations=1), place)
            both.why_not(config())

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    wait(lambda: not both.active())


def test_a_cluster_that_cannot_be_had_says_so_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def connect(out: Path, address: str, gate: Gate) -> JobQueue:
        asked.append(address)
        if len(asked) == 1:
            raise InputError("a Ray cluster answers at its address, head:1 does not: 'Connection refused'")
        return JobQueue(out, FakeEngine(), gate=gate)

    monkeypatch.setattr(joined, "_joined", {})
    monkeypatch.setattr(ray, "RayQueue", connect)
    both = joined_queue(tmp_path / "one", "head:1", lambda: 0.0, Gate())
    assert both is joined_queue(tmp_path / "one", "", lambda: 0.0, Gate()) and both.has_cluster and not asked
    with pytest.raises(InputError, match="Connection refused"):
        both.submit(config(), on_cluster=True)
    both.submit(config(), on_cluster=True)
    wait(lambda: not both.active())
    assert asked == ["head:1"] * 2
    alone = joined_queue(tmp_path / "two", "", lambda: 0.0, Gate())
    with pytest.raises(InputError, match="OTMF_RAY") as caught:
        alone.submit(config(), on_cluster=True)
    assert is_one_sentence(str(caught.value)) and not alone.has_cluster


def test_what_went_on_on_a_cluster_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    there = JobQueue(tmp_path, FakeEngine(pause=0.02))
    run = there.submit(config())
    wait(lambda: (tmp_path / run).is_dir())
    (tmp_path / MARK).write_text("0" * 32)
    monkeypatch.setattr(joined, "_joined", {})
    monkeypatch.setattr(ray, "RayQueue", lambda out, address, gate: there)
    both = joined_queue(tmp_path, "head:1", lambda: 0.0, Gate())
    wait(lambda: run in dict(both.active()))
    both.discard(run)
    wait(lambda: not both.active())
    assert both.snapshot(run) is None and not (tmp_path / run).exists()
