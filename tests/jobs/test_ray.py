"""Merges on a Ray cluster of two nodes: at once, stopped, gone on with; workers, nodes, keepers and drivers killed."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from otmf_core import layout
from otmf_core.analysis.grid import plan
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.jobs import cluster as clusters
from otmf_core.jobs import ray as ray_queue
from otmf_core.jobs.gate import Gate
from otmf_core.jobs.grid import run_grid
from otmf_core.jobs.queue import JobQueue
from otmf_core.jobs.ray import RayQueue
from otmf_core.jobs.shared_folder import MARK
from otmf_core.library.library import open_library
from otmf_core.runs.archive import write_zip
from otmf_core.runs.folder import load_run, set_notes
from otmf_core.runs.view import RunView
from tests.dashboard.fake_engine import FakeEngine, accuracy
from tests.tiny import ROOT, is_one_sentence, merge_config, merged, results

ENGINE = "tests.jobs.cluster_engine"
SECONDS = 240.0  # that anything may take where others need the processor, too
NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20, "memory": 4 << 30}
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": str(ROOT),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nodes' own folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def nodes(cache: Path) -> Iterator[Any]:
    """A cluster of two nodes with a core each."""
    if sys.platform != "linux":
        pytest.skip("Ray has clusters of several nodes on Linux")
    with pytest.MonkeyPatch.context() as patch:  # before Ray is loaded, which reads them then
        for name, value in {**ENVIRONMENT, "OTMF_CACHE": str(cache)}.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        pytest.importorskip("ray", reason="merges on a cluster need Ray: pip install 'otmf[ray]'")
        from ray.cluster_utils import Cluster

        both = Cluster()
        try:
            for options in ({"include_dashboard": False}, {}):
                add_node(both, **options)
            yield both
        finally:
            clusters.disconnect()
            both.shutdown()


def add_node(nodes: Any, **options: Any) -> None:
    """Add a node; Ray gives one half a minute to answer, which may not do where others need the processor, too."""
    for more in (True, True, False):
        try:
            nodes.add_node(**NODE, **options)
            return
        except Exception:
            if not more:
                raise


@pytest.fixture(params=[True, False], ids=["shared", "brought back"])
def shared(request: pytest.FixtureRequest) -> bool:
    """Whether nodes see the runs folder."""
    return request.param


def config(**fields: Any) -> MergeConfig:
    """A merge by the fake engine."""
    tasks = tuple(open_library("minizoo").suites["8"][:3])
    return MergeConfig.build(**{"tasks": tasks, "iterations": 20, "device": "cpu", **fields})


_queues: list[RayQueue] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No queue looks on when its test is over."""
    yield
    while _queues:
        _queues.pop().close()


def queue_of(nodes: Any, out: Path, engine: str = ENGINE, shared: bool = True, gate: Gate | None = None) -> RayQueue:
    _queues.append(RayQueue(out, nodes.address, engine=engine, shared=shared, gate=gate))
    return _queues[-1]


def shown(queue: RayQueue, run: str) -> RunView:
    view = queue.snapshot(run)
    assert view is not None
    return view


def wait(holds: Callable[[], Any]) -> Any:
    """What `holds` returns once it is true."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def ended(queue: RayQueue, run: str) -> RunView:
    return wait(lambda: shown(queue, run).status not in ("queued", "running") and shown(queue, run))


def in_step(queue: RayQueue, run: str, step: int) -> bool:
    view = shown(queue, run)
    return view.step >= step and view.iteration > 0


def is_whole(queue: RayQueue, run: str) -> bool:
    """Whether a run of the fake engine ended with all that it has, told and stored."""
    view, stored = shown(queue, run), load_run(queue.out / run)
    rows = ((30.0,) * 3, *(tuple(accuracy(t, i) if t == 3 or i <= t else None for i in range(3)) for t in (1, 2, 3)))
    assert (view.status, view.message, stored.status) == ("done", "", "done")
    assert view.record == stored.record
    assert view.matrix == stored.matrix == rows
    assert [len(view.fusions[step].durations) for step in (2, 3)] == [shown(queue, run).iterations] * 2
    return not (queue.out / run / layout.CLAIM).exists()


def worker_of(run: str) -> int:
    """The process that carries out a run; Ray calls it by the task's name."""
    import psutil

    def found() -> list[int]:
        return [
            each.pid for each in psutil.process_iter(["cmdline"]) if (each.info["cmdline"] or [""])[0].endswith(run)
        ]

    return wait(found)[0]


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_grid_is_carried_out_on_both_nodes_at_once(nodes: Any, tmp_path: Path):
    queue = queue_of(nodes, tmp_path / "runs")
    configs = [config(alpha=alpha) for alpha in (0.4, 0.5, 0.6)]
    most, ends = 0, []

    def report(progress: Any) -> None:
        nonlocal most
        most = max(most, [status for _, status in queue.active()].count("running"))
        ends.extend([progress.ended] if progress.ended else [])

    asked = plan(configs, [], "")
    assert run_grid(queue, asked, report, lambda: False) == {}
    assert most == 2
    assert sorted(view.config.flat()["alpha"] for view in ends) == [0.4, 0.5, 0.6]
    assert all(is_whole(queue, view.run) for view in ends)
    assert queue.active() == ()


def test_what_runs_and_what_waits_are_stopped_and_go_on(nodes: Any, tmp_path: Path, shared: bool):
    queue = queue_of(nodes, tmp_path / "runs", shared=shared)
    runs = [queue.submit(config(iterations=200)) for _ in range(3)]
    wait(lambda: sum(in_step(queue, run, 2) for run in runs) == 2)
    [waiting] = [run for run, status in queue.active() if status == "queued"]
    with pytest.raises(InputError, match="a run is deleted once it has ended"):
        queue.delete(runs[0])
    queue.stop(waiting)
    wait(lambda: queue.snapshot(waiting) is None)
    began = [run for run in runs if run != waiting]
    for run in began:
        queue.stop(run)
    for run in began:
        view = ended(queue, run)
        assert (view.status, len(load_run(queue.out / run).matrix)) == ("stopped", view.step)
        queue.resume(run)
        queue.resume(run)  # which changes nothing
    assert all(ended(queue, run) and is_whole(queue, run) for run in began)
    assert queue.last_done() == began[1]
    queue.delete(began[0])
    assert not (queue.out / began[0]).exists()


def test_what_is_discarded_is_gone_here_and_there(nodes: Any, cache: Path, tmp_path: Path, shared: bool):
    queue = queue_of(nodes, tmp_path / "runs", shared=shared)
    runs = [queue.submit(config(iterations=200)) for _ in range(3)]
    wait(lambda: sum(in_step(queue, run, 2) for run in runs) == 2)
    for run in runs:
        queue.discard(run)
    assert [shown(queue, run).phase for run in runs] == ["Discarding"] * 3
    wait(lambda: not queue.active())
    assert [queue.snapshot(run) for run in runs] == [None] * 3
    assert queue.discarded == {*runs}
    assert [path.name for path in queue.out.iterdir()] in ([MARK], [])
    assert list(cache.glob("cluster/*/*")) == []


class Closed(Gate):
    """Lets no merge begin, and nothing be changed."""

    def begin(self, run: str, config: MergeConfig, active: Mapping[str, MergeConfig]) -> None:
        raise InputError("full")

    def change(self) -> None:
        raise InputError("closed")


def test_a_gate_is_asked_before_anything_is_begun_or_changed(nodes: Any, tmp_path: Path):
    here = JobQueue(tmp_path, FakeEngine())
    run = here.submit(config(iterations=1))
    wait(lambda: here.last_done())
    queue = queue_of(nodes, tmp_path, gate=Closed())
    for doing, refusal in [
        (lambda: queue.submit(config()), "full"),
        (lambda: queue.resume(run), "full"),
        (lambda: queue.stop(run), "closed"),
        (lambda: queue.discard(run), "closed"),
        (lambda: queue.delete(run), "closed"),
    ]:
        with pytest.raises(InputError, match=refusal):
            doing()
    assert str(queue.why_not(config())) == "full"
    assert queue.active() == () and (tmp_path / run).is_dir()


def test_what_comes_back_keeps_what_was_noted_here_and_no_finished_run_is_replaced(
    nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here = JobQueue(tmp_path, FakeEngine(pause=0.01))
    run = here.submit(config())
    wait(lambda: (view := here.snapshot(run)) and view.step == 3)
    here.stop(run)
    wait(lambda: not here.active())
    came = io.BytesIO()
    write_zip(tmp_path / run, came, whole=True)
    set_notes(tmp_path / run, "mine", "")
    (tmp_path / run / layout.TRACKING).write_text("{}")
    queue = queue_of(nodes, tmp_path)
    monkeypatch.setattr(queue, "_ask", lambda *_: came.getvalue())
    queue._bring(run)
    stored = load_run(tmp_path / run)
    assert (stored.name, stored.status, (stored.path / layout.TRACKING).read_text()) == ("mine", "stopped", "{}")
    here.resume(run)
    wait(lambda: not here.active())
    queue._bring(run)
    assert load_run(tmp_path / run).status == "done"


def test_a_failed_run_says_why(nodes: Any, tmp_path: Path):
    queue = queue_of(nodes, tmp_path / "runs", engine="tests.jobs.no_such_engine")
    view = ended(queue, queue.submit(config()))
    assert (view.status, view.message) == ("failed", "ModuleNotFoundError: No module named 'tests.jobs.no_such_engine'")


# --- losses ----------------------------------------------------------------------------------------------------------


def test_a_killed_worker_costs_what_was_not_saved(nodes: Any, tmp_path: Path):
    queue = queue_of(nodes, tmp_path / "runs", shared=False)
    run = queue.submit(config(iterations=60))
    wait(lambda: in_step(queue, run, 3))
    os.kill(worker_of(run), signal.SIGKILL)
    ended(queue, run)
    assert is_whole(queue, run)
    assert load_run(queue.out / run).record.seconds  # type: ignore[union-attr]


def test_a_lost_node_costs_what_was_not_saved(nodes: Any, tmp_path: Path):
    queue = queue_of(nodes, tmp_path / "runs", shared=False)
    runs = [queue.submit(config(iterations=60)) for _ in range(2)]
    wait(lambda: all(in_step(queue, run, 3) for run in runs))
    nodes.remove_node(nodes.list_all_nodes()[1], allow_graceful=False)
    add_node(nodes)
    for run in runs:
        ended(queue, run)
        assert is_whole(queue, run)


def test_a_lost_keeper_costs_what_was_not_saved_and_a_stop_holds(nodes: Any, tmp_path: Path):
    import ray

    queue = queue_of(nodes, tmp_path / "runs")
    runs = [queue.submit(config(iterations=60)) for _ in range(2)]
    wait(lambda: all(in_step(queue, run, 2) for run in runs))
    with queue._changed:  # so that the keeper cannot have been told
        queue.stop(runs[1])
        ray.kill(queue._keeper)
    assert ended(queue, runs[1]).status == "stopped"
    ended(queue, runs[0])
    assert is_whole(queue, runs[0])


DRIVER = """
import sys, time
from pathlib import Path
from otmf_core.config import MergeConfig
from otmf_core.jobs.ray import RayQueue
out, address, engine, *tasks = sys.argv[1:]
queue = RayQueue(Path(out), address, engine=engine, shared=False)
run = queue.submit(MergeConfig.build(tasks=tasks, iterations=60, device="cpu"))
while not queue.snapshot(run).step == 2:
    time.sleep(0.02)
print("begun", run, flush=True)
time.sleep(3600)
"""


def test_runs_of_a_killed_driver_are_found_again(nodes: Any, tmp_path: Path):
    out, tasks = tmp_path / "runs", config().tasks
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(out), nodes.address, ENGINE, *tasks],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert driver.stdout
    run = next(line.split()[1] for line in driver.stdout if line.startswith("begun"))  # Ray prints there, too
    driver.kill()
    driver.communicate()
    queue = queue_of(nodes, out, shared=False)
    assert [each for each, _ in queue.active()] == [run]
    asked = plan([shown(queue, run).config], [], "", queue.configs())
    assert (list(asked.going), asked.missing) == ([run], ())
    ended(queue, run)
    assert is_whole(queue, run)
    assert queue_of(nodes, out, shared=False).active() == ()


# --- the same bits ---------------------------------------------------------------------------------------------------


def test_a_merge_whose_worker_is_killed_has_the_bits_of_one_here(nodes: Any, tiny: Path, tmp_path: Path):
    asked = merge_config(tiny, iterations=40, checkpoint_seconds=0.0)
    queue = queue_of(nodes, tmp_path / "runs", engine=ray_queue.ENGINE)
    run = queue.submit(asked)
    wait(lambda: in_step(queue, run, 3))
    os.kill(worker_of(run), signal.SIGKILL)
    assert ended(queue, run).message == ""
    assert results(queue.out / run) == results(merged(asked, tmp_path / "here"))


# --- sentences -------------------------------------------------------------------------------------------------------


def refusal(address: str, out: Path) -> str:
    with pytest.raises(InputError) as caught:
        RayQueue(out, address)
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def test_without_ray_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install 'otmf[ray]'" in refusal("auto", tmp_path)


def test_an_address_that_is_none_or_does_not_answer(nodes: Any, tmp_path: Path):
    assert "received 'http://here'" in refusal("http://here", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "does not: 'Connection refused'" in refusal(f"ray://127.0.0.1:{port}", tmp_path)
    RayQueue(tmp_path, nodes.address)
    assert f"this one has {nodes.address}" in refusal("auto", tmp_path)


def test_a_run_that_fits_on_no_node_says_what_it_asks_for(monkeypatch: pytest.MonkeyPatch):
    there = [{"CPU": 4.0, "memory": float(8 << 30)}]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert clusters.needs(config(), there)["num_cpus"] == 4
    assert "num_gpus" not in clusters.needs(config(device="auto"), there)
    assert clusters.needs(config(device="auto"), [{**there[0], "GPU": 2.0}])["num_gpus"] == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    for wrong, part in [(config(), "64 CPU"), (config(device="cuda"), "1 GPU"), (config(device="cuda:1"), "cuda:1")]:
        with pytest.raises(InputError, match=part) as caught:
            clusters.needs(wrong, there)
        assert is_one_sentence(str(caught.value))


def test_a_node_of_another_version_or_library_says_so(nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    queue = queue_of(nodes, tmp_path / "runs")
    with monkeypatch.context() as patch:
        patch.setattr(ray_queue, "__version__", "9.9.9")
        version = ended(queue, queue.submit(config())).message
    assert "has 0.1.0, here is 9.9.9" in version
    with monkeypatch.context() as patch:
        patch.setattr(ray_queue, "open_library", lambda name: type("Library", (), {"manifest_hash": "0" * 64}))
        library = ended(queue, queue.submit(config())).message
    assert "the same library: minizoo of" in library
    assert is_one_sentence(version) and is_one_sentence(library)
    assert [path.name for path in queue.out.iterdir()] == [MARK]


def test_a_cluster_that_is_lost_leaves_what_was_saved(nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    queue = queue_of(nodes, tmp_path / "runs")
    run = queue.submit(config(iterations=200))
    wait(lambda: in_step(queue, run, 2))

    def lost(*_: object) -> None:
        raise ConnectionError("the line is cut\nmore of it")

    with monkeypatch.context() as patch:
        patch.setattr(ray_queue, "ANSWER_SECONDS", 0.5)
        patch.setattr(queue, "_ask", lost)
        view = ended(queue, run)
    assert view.status == "failed" and is_one_sentence(view.message)
    assert "('the line is cut')" in view.message
    queue.resume(run)  # it goes on there, and is heard of again
    wait(lambda: in_step(queue, run, 3))
    queue.stop(run)
    assert ended(queue, run).status == "stopped"
    assert json.loads((queue.out / run / layout.STATUS).read_text())["status"] == "stopped"
