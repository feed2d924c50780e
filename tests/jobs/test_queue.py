"""The queue of merges: order, stop, resume, failure, and views that stay as they were handed out."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.jobs.devices import fits, takers
from otmf_core.jobs.gate import Gate
from otmf_core.jobs.queue import JobQueue, job_queue
from otmf_core.runs.folder import load_run
from otmf_core.runs.view import RunView
from tests.dashboard.fake_engine import FakeEngine, accuracy
from tests.tiny import ROOT

TASKS = ("red", "green", "blue")


def config(*tasks: str, **fields) -> MergeConfig:
    own = {"iterations": 20} if fields.get("method", "otmf") == "otmf" else {}
    return MergeConfig.build(**{"tasks": tasks or TASKS, **own, **fields})


def shown(queue: JobQueue, run: str) -> RunView:
    """The present view of a run that the queue knows."""
    view = queue.snapshot(run)
    assert view is not None
    return view


def wait(queue: JobQueue, run: str, holds: Callable[[RunView], bool], seconds: float = 20.0) -> RunView:
    """The first view of the run for which `holds` is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        view = shown(queue, run)
        if holds(view):
            return view
        time.sleep(0.002)
    raise AssertionError(f"waited in vain, last seen: {queue.snapshot(run)}")


def ended(view: RunView) -> bool:
    return view.status in ("done", "stopped", "failed")


def test_a_merge_is_queued_at_once_and_ends_with_its_record(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine())
    run = queue.submit(config())
    view = wait(queue, run, ended)
    assert view.status == "done"
    assert view.tasks == TASKS
    assert view.record is not None
    assert view.record.model_dump(mode="json") == json.loads((tmp_path / run / "record.json").read_text())
    assert view.record.acc == pytest.approx((76 + 78 + 80) / 3)
    assert view.matrix[3] == (accuracy(3, 0), accuracy(3, 1), accuracy(3, 2))
    assert view.matrix[1] == (80.0, 30.0, None)
    assert view.individual == {"red": 90.0, "green": 90.0, "blue": 90.0}
    assert sorted(view.fusions) == [2, 3]
    assert view.fusions[3].curve("loss_post") == tuple(1 / k for k in range(1, 21))
    assert queue.active() == ()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")
def test_a_merge_goes_behind_the_threads_that_draw_pages(tmp_path: Path):
    priorities = []

    class Engine(FakeEngine):
        def run_merge(self, *args, **kwargs):
            priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().run_merge(*args, **kwargs)

    queue = JobQueue(tmp_path, Engine())
    assert wait(queue, queue.submit(config()), ended).status == "done"
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert priorities == [min(own + 5, 19)]


def test_a_merge_rests_while_others_need_the_processor_and_a_stop_ends_the_rest(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(), rest=lambda: 3600.0)
    run = queue.submit(config(iterations=1000))
    wait(queue, run, lambda view: view.step == 2)  # it asks before the first iteration, and then rests
    began = time.monotonic()
    queue.stop(run)
    stopped = wait(queue, run, ended)
    assert (stopped.status, stopped.iteration) == ("stopped", 0)
    assert time.monotonic() - began < 5


def test_a_merge_rests_so_many_seconds_after_every_iteration(tmp_path: Path):
    """As many rests as times the engine asks; durations of sleeps have lower bounds only."""
    asked = []

    def rest() -> float:
        asked.append(time.monotonic())
        return 0.02

    queue = JobQueue(tmp_path, FakeEngine(), rest=rest)
    began = time.monotonic()
    assert wait(queue, queue.submit(config("red", "green", iterations=15)), ended).status == "done"
    assert len(asked) == 15
    assert time.monotonic() - began >= 15 * 0.02
    assert all(later - earlier >= 0.02 for earlier, later in pairwise(asked))


def test_a_merge_rests_only_as_long_as_it_is_asked_to(tmp_path: Path):
    """No rest, and the end of one that is over already, take no time."""
    for seconds in (0.0, -10.0, float("-inf")):
        queue = JobQueue(tmp_path, FakeEngine(), rest=lambda seconds=seconds: seconds)
        began = time.monotonic()
        assert wait(queue, queue.submit(config(iterations=20)), ended).status == "done"
        assert time.monotonic() - began < 5
    assert JobQueue(tmp_path)._rest() == 0


def test_a_rest_that_is_asked_for_under_way_begins_after_the_iteration(tmp_path: Path):
    seconds = [0.0]
    queue = JobQueue(tmp_path, FakeEngine(pause=0.005), rest=lambda: seconds[0])
    run = queue.submit(config(iterations=1000))
    wait(queue, run, lambda view: view.iteration >= 3)
    seconds[0] = 3600.0
    time.sleep(0.1)
    resting = shown(queue, run)
    time.sleep(0.2)
    later = shown(queue, run)
    assert (later.status, later.step, later.iteration) == ("running", 2, resting.iteration)
    queue.close()
    assert load_run(tmp_path / run).status == "stopped"


def test_the_queue_of_a_folder_rests_as_whoever_asks_first_says(tmp_path: Path):
    queue = job_queue(tmp_path / "first", lambda: 7.0)
    assert job_queue(tmp_path / "first", lambda: 8.0) is queue
    assert queue._rest() == 7.0
    assert job_queue(tmp_path / "second")._rest() == 0.0


def test_merges_run_one_at_a_time_in_the_order_of_submission(tmp_path: Path):
    engine = FakeEngine(pause=0.005)
    queue = JobQueue(tmp_path, engine)
    first, second, third = (queue.submit(config()) for _ in range(3))
    wait(queue, first, lambda view: view.status == "running")
    assert queue.active() == ((first, "running"), (second, "queued"), (third, "queued"))
    assert shown(queue, second).status == "queued"
    wait(queue, third, ended)
    assert [shown(queue, run).status for run in (first, second, third)] == ["done"] * 3
    assert engine.most_at_once == 1
    assert len([thread for thread in threading.enumerate() if thread is queue._thread]) == 1


def test_stop_ends_the_running_merge_within_an_iteration_and_resume_finishes_it(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.01))
    run = queue.submit(config(iterations=1000))
    before = wait(queue, run, lambda view: view.iteration >= 3)
    queue.stop(run)
    stopped = wait(queue, run, ended)
    assert stopped.status == "stopped"
    assert stopped.step == before.step == 2
    assert stopped.iteration < 1000
    assert load_run(tmp_path / run).status == "stopped"
    assert queue.active() == ()

    fast = JobQueue(tmp_path, FakeEngine())  # as after a restart: nothing in memory, all in the folder
    assert fast.snapshot(run) is None
    fast.resume(run)
    done = wait(fast, run, ended)
    assert done.status == "done"
    assert done.matrix[1] == (80.0, 30.0, None)
    assert done.config.tasks == TASKS


def test_a_resumed_merge_keeps_what_was_seen_before(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.005))
    run = queue.submit(config(iterations=40))
    wait(queue, run, lambda view: view.step == 3 and view.iteration >= 5)
    queue.stop(run)
    stopped = wait(queue, run, ended)
    queue.resume(run)
    queue.resume(run)  # a second click, or a second tab
    assert len(queue.active()) <= 1
    done = wait(queue, run, lambda view: view.status == "done")
    assert done.matrix[:3] == stopped.matrix[:3]
    assert done.fusions[2] == stopped.fusions[2]
    assert len(done.fusions[3].curve("loss_pre")) == 40
    assert done.elapsed > stopped.elapsed


def test_stop_removes_a_queued_merge(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.01))
    first, second = queue.submit(config(iterations=1000)), queue.submit(config())
    wait(queue, first, lambda view: view.iteration >= 1)
    queue.stop(second)
    assert queue.snapshot(second) is None
    assert second not in dict(queue.active())
    queue.stop(first)
    wait(queue, first, ended)
    assert not (tmp_path / second).exists()


def test_a_run_is_deleted_and_forgotten_once_it_has_ended(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.01))
    kept = queue.submit(config(iterations=1))
    wait(queue, kept, ended)
    first, second = queue.submit(config(iterations=1000)), queue.submit(config())
    wait(queue, first, lambda view: view.iteration >= 1)
    for run, status in ((first, "running"), (second, "queued")):
        with pytest.raises(InputError, match=f"^a run is deleted once it has ended: {run} is {status}$"):
            queue.delete(run)
    assert load_run(tmp_path / first).status == "running"
    queue.stop(second)
    queue.stop(first)
    wait(queue, first, ended)
    queue.delete(first)
    assert queue.snapshot(first) is None
    assert [path.name for path in tmp_path.iterdir()] == [kept]
    with pytest.raises(InputError, match=r"^a file must lie inside its folder: '../else' leads out of "):
        queue.delete("../else")


def test_a_discarded_merge_leaves_nothing_and_the_next_one_runs(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.01))
    run, after = queue.submit(config()), queue.submit(config(method="average"))
    wait(queue, run, lambda view: view.iteration > 1)
    queue.discard(run)
    wait(queue, after, ended)
    assert queue.snapshot(run) is None
    assert [path.name for path in tmp_path.iterdir()] == [after]


def test_discarding_a_merge_that_waits_for_its_second_part_deletes_the_first(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.01))
    run = queue.submit(config())
    wait(queue, run, lambda view: view.iteration > 1)
    queue.stop(run)
    wait(queue, run, ended)
    before = queue.submit(config())
    queue.resume(run)
    queue.discard(run)
    assert run not in dict(queue.active())
    assert not (tmp_path / run).exists()
    queue.discard(before)


def test_a_failure_is_told_and_the_thread_lives_on(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    refused = InputError("a task vector must be finite: NaN in x.safetensors")
    queue = JobQueue(tmp_path, FakeEngine(broken={"green": RuntimeError("out of memory"), "blue": refused}))
    crashed, bad, fine = (queue.submit(config("red", other)) for other in ("green", "blue", "white"))
    assert wait(queue, fine, ended).status == "done"
    view = shown(queue, crashed)
    assert (view.status, view.message) == ("failed", "RuntimeError: out of memory")
    assert "out of memory" in caplog.text and "Traceback" in caplog.text
    view = shown(queue, bad)
    assert (view.status, view.message) == ("failed", str(refused))
    assert not (tmp_path / bad).exists()


def test_a_merge_refused_before_it_began_can_be_tried_again(tmp_path: Path):
    engine = FakeEngine(broken={"green": InputError("the disk is full")})
    queue = JobQueue(tmp_path, engine)
    run = queue.submit(config("red", "green"))
    wait(queue, run, ended)
    engine.broken.clear()
    queue.resume(run)
    assert wait(queue, run, lambda view: view.status == "done").message == ""


def test_resuming_what_does_not_exist_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"a run is a folder with a status\.json"):
        JobQueue(tmp_path, FakeEngine()).resume("20260101-000000-otmf-0000")


def test_views_are_values(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.005))
    run = queue.submit(config())
    early = wait(queue, run, lambda view: view.iteration >= 2)
    copy = dataclasses.asdict(early)
    wait(queue, run, ended)
    assert dataclasses.asdict(early) == copy
    with pytest.raises(dataclasses.FrozenInstanceError):
        early.status = "done"  # pyright: ignore[reportAttributeAccessIssue]


def test_close_stops_the_running_merge_and_drops_the_rest(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.01))
    first, second = queue.submit(config(iterations=1000)), queue.submit(config())
    wait(queue, first, lambda view: view.iteration >= 1)
    queue.close()
    assert queue.active() == ()
    assert load_run(tmp_path / first).status == "stopped"
    assert queue.snapshot(second) is None


def test_ended_merges_are_forgotten_from_the_oldest_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("otmf_core.jobs.queue.KEPT", 2)
    queue = JobQueue(tmp_path, FakeEngine())
    runs = [queue.submit(config("red", "green", method="average")) for _ in range(5)]
    wait(queue, runs[-1], ended)
    assert [queue.snapshot(run) is None for run in runs] == [True] * 3 + [False] * 2


def test_there_is_one_queue_per_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert job_queue(Path("runs")) is job_queue(tmp_path / "runs")
    assert job_queue(Path("runs")) is not job_queue(tmp_path / "others")


def test_a_process_that_ends_leaves_a_run_that_resumes(tmp_path: Path):
    program = f"""
import time
from pathlib import Path
from otmf_core.jobs import queue as jobs
from otmf_core.config import MergeConfig
from tests.dashboard.fake_engine import FakeEngine
jobs.merging_engine = lambda: FakeEngine(pause=0.01)
queue = jobs.job_queue(Path({str(tmp_path)!r}))
run = queue.submit(MergeConfig.build(tasks=("red", "green"), iterations=1000))
while queue.snapshot(run).iteration < 3:
    time.sleep(0.01)
print(run)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert load_run(tmp_path / done.stdout.strip()).status == "stopped"


class Closed(Gate):
    """Lets `most` merges be active at once, and nothing be changed."""

    def __init__(self, most: int):
        self.most = most
        self.seen: list[dict[str, tuple[str, ...]]] = []

    def begin(self, run, config, active):
        self.seen.append({name: other.tasks for name, other in active.items()})
        if len(active) >= self.most:
            raise InputError(f"full: {run}")

    def change(self):
        raise InputError("closed")


def test_a_gate_sees_what_is_active_and_keeps_the_rest_out(tmp_path: Path):
    gate = Closed(most=2)
    queue = JobQueue(tmp_path, FakeEngine(pause=0.02), gate=gate)
    runs = [queue.submit(config("red", "green")), queue.submit(config("green", "blue"))]
    with pytest.raises(InputError, match="full"):
        queue.submit(config())
    assert [run for run, _ in queue.active()] == runs
    assert gate.seen == [{}, {runs[0]: ("red", "green")}, {runs[0]: ("red", "green"), runs[1]: ("green", "blue")}]
    for forbidden in (queue.stop, queue.delete):
        with pytest.raises(InputError, match="closed"):
            forbidden(runs[1])
    assert len(queue.active()) == 2
    queue.close()  # which is the program's, and asks nobody
    assert not queue.active()


def test_a_run_that_goes_on_passes_the_gate_too(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.02))
    run = queue.submit(config())
    wait(queue, run, lambda view: view.iteration > 0)
    queue.stop(run)
    wait(queue, run, ended)
    shut = JobQueue(tmp_path, FakeEngine(), gate=Closed(most=0))
    with pytest.raises(InputError, match=f"full: {run}"):
        shut.resume(run)
    assert not shut.active()
    assert load_run(tmp_path / run).status == "stopped"


def test_every_device_has_one_merge_at_a_time(tmp_path: Path):
    engine = FakeEngine(pause=0.02, devices=("cuda:0", "cuda:1", "cuda:2", "cpu"))
    queue = JobQueue(tmp_path, engine)
    runs = [queue.submit(config(iterations=50)) for _ in range(5)]
    for run in runs[:3]:
        wait(queue, run, lambda view: view.device != "")
    assert queue.active() == (*((run, "running") for run in runs[:3]), (runs[3], "queued"), (runs[4], "queued"))
    assert not queue.has_room("auto") and queue.has_room("cpu")
    assert {shown(queue, run).device for run in runs[:3]} == {"cuda:0", "cuda:1", "cuda:2"}
    for run in runs:
        assert wait(queue, run, ended).status == "done"
    assert (engine.most_at_once, len(engine.on)) == (3, 5)
    assert queue.has_room("auto")


def test_a_merge_waits_for_the_device_it_asks_for_and_others_pass_it(tmp_path: Path):
    engine = FakeEngine(pause=0.005, devices=("cuda:0", "cuda:1", "cpu"))
    queue = JobQueue(tmp_path, engine)
    long, second = (queue.submit(config(device="cuda:1", iterations=1000)) for _ in range(2))
    wait(queue, long, lambda view: view.device == "cuda:1")
    asked = {device: queue.submit(config(device=device)) for device in ("auto", "cuda", "cuda:0", "cpu")}
    for device, run in asked.items():
        view = wait(queue, run, ended)
        assert (view.status, view.device) == ("done", "cpu" if device == "cpu" else "cuda:0")
        assert load_run(tmp_path / run).config.device == device
    assert queue.active() == ((long, "running"), (second, "queued"))
    assert not queue.has_room("cuda:1") and queue.has_room("cpu")
    queue.close()


def test_each_of_several_running_merges_is_stopped_and_resumed_by_itself(tmp_path: Path):
    queue = JobQueue(tmp_path, FakeEngine(pause=0.005, devices=("cuda:0", "cuda:1", "cpu")))
    first, second = (queue.submit(config(iterations=400)) for _ in range(2))
    for run in (first, second):
        wait(queue, run, lambda view: view.iteration >= 2)
    queue.stop(first)
    assert wait(queue, first, ended).status == "stopped"
    assert dict(queue.active()) == {second: "running"}
    third = queue.submit(config(iterations=400))
    wait(queue, third, lambda view: view.status == "running")
    queue.stop(second)
    wait(queue, second, ended)
    queue.resume(first)  # on whichever device is idle now
    assert wait(queue, first, lambda view: view.status == "running").run == first
    queue.close()
    assert [load_run(tmp_path / run).status for run in (first, second, third)] == ["stopped"] * 3


def test_a_device_that_is_not_there_is_left_to_the_engine_to_refuse(tmp_path: Path):
    engine = FakeEngine(devices=("cuda:0", "cpu"))
    queue = JobQueue(tmp_path, engine)
    wait(queue, queue.submit(config(device="cuda:7")), ended)
    wait(queue, queue.submit(config(device="tpu")), ended)
    assert engine.on == ["cuda:7", "tpu"]


def test_an_engine_that_does_not_load_fails_its_merges_and_not_the_queue(tmp_path: Path):
    class Broken(FakeEngine):
        def devices(self) -> tuple[str, ...]:
            raise ImportError("no torch")

    queue = JobQueue(tmp_path, Broken())
    assert wait(queue, queue.submit(config()), ended).status == "done"


@pytest.mark.parametrize(
    ("asked", "devices", "expected"),
    [
        ("auto", ("cpu",), ("cpu",)),
        ("auto", ("cuda:0", "cuda:1", "cpu"), ("cuda:0", "cuda:1")),
        ("auto", ("mps", "cpu"), ("mps",)),
        ("cuda", ("cuda:0", "cuda:1", "cpu"), ("cuda:0", "cuda:1")),
        ("cuda:1", ("cuda:0", "cuda:1", "cpu"), ("cuda:1",)),
        ("cpu", ("cuda:0", "cuda:1", "cpu"), ("cpu",)),
        ("cuda:1", ("cpu",), ("cpu",)),
        ("cuda:1", ("cuda:10", "cpu"), ("cuda:10",)),
        ("auto", (), ()),
    ],
)
def test_who_may_take_a_merge(asked: str, devices: tuple[str, ...], expected: tuple[str, ...]):
    assert takers(asked, devices) == expected
    assert fits("cuda:1", "cuda:10") is False
