"""How close two nodes of one core come to twice one, for a grid of short merges; and merges that are killed on the way.

    python -m tests.benchmarks.ray_grid --runs 16 --kills 10 --seed 1

Starts clusters of its own on this machine, with one node and with two, each held to a core, and carries the grid out on
either once their workers have loaded what a merge needs. With --kills, a worker and a node by turns is killed (SIGKILL)
at a random moment of two merges, which are then compared bit for bit with one here; exit code 1 where one differs, or
where the goal is missed. Linux, two idle cores.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", RAY_USAGE_STATS_ENABLED="0")
os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])  # of the workers

import psutil
from ray.cluster_utils import Cluster

from otmf_core.analysis.grid import plan
from otmf_core.config import MergeConfig
from otmf_core.jobs import cluster
from otmf_core.jobs.grid import run_grid
from otmf_core.jobs.ray import RayQueue
from otmf_core.library.library import open_library
from otmf_core.runs.events import Event
from tests.tiny import merged, results

NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 100 << 20, "memory": 4 << 30}
TASKS = 2
GOAL = 0.9


def configs(count: int, iterations: int) -> list[MergeConfig]:
    """Merges of the embedded library's smallest suite that differ in their seed."""
    tasks = tuple(open_library("minizoo").suites["8"][:TASKS])
    own = {"iterations": iterations} if iterations else {"method": "average"}
    shared: dict[str, Any] = {"tasks": tasks, "device": "cpu", "checkpoint_seconds": 0.5, **own}
    return [MergeConfig.build(**shared, seed=seed) for seed in range(count)]


class Nodes:
    """A cluster of so many nodes, and a queue on it."""

    def __init__(self, count: int, out: Path) -> None:
        self.cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        for _ in range(count - 1):
            self.cluster.add_node(**NODE)
        for core, node in enumerate(self.cluster.list_all_nodes()):  # a merge of a small network has two threads
            for raylet in node.all_processes["raylet"]:
                for process in (psutil.Process(raylet.process.pid), *psutil.Process(raylet.process.pid).children()):
                    process.cpu_affinity([core])
        self.queue = RayQueue(out, str(self.cluster.address))

    def carry_out(self, asked: list[MergeConfig]) -> float:
        """Seconds that these merges take."""
        began = time.monotonic()
        failed = run_grid(self.queue, plan(asked, [], ""), lambda progress: None, lambda: False)
        if failed:
            raise RuntimeError(f"merges failed: {failed}")
        return time.monotonic() - began

    def close(self) -> None:
        """End the cluster and all its processes."""
        self.queue.close()
        cluster.disconnect()
        self.cluster.shutdown()


def efficiency(count: int, iterations: int, folder: Path) -> float:
    """The time on one node over twice the time on two."""
    seconds = {}
    for number in (1, 2):
        nodes = Nodes(number, folder / f"runs-{number}")
        try:
            nodes.carry_out(configs(2 * number, 2))  # every worker has loaded what a merge needs
            seconds[number] = nodes.carry_out(configs(count, iterations))
        finally:
            nodes.close()
        print(f"{count} merges on {number} of 1 core: {seconds[number]:.1f} s", flush=True)
    return seconds[1] / (2 * seconds[2])


def kills(count: int, seed: int, iterations: int, folder: Path) -> int:
    """Kill workers and nodes by turns, with a merge on either node; returns how often both had the bits of one here."""
    random, same = Random(seed), 0
    asked = configs(1, iterations)[0]
    began: list[float] = []

    def note(event: Event) -> None:
        began.append(time.monotonic())

    reference = results(merged(asked, folder / "here", emit=note))
    span = began[-1] - began[0]
    nodes = Nodes(2, folder / "runs-killed")
    try:
        for trial in range(count):
            second, node = nodes.cluster.list_all_nodes()[1], trial % 2 == 1
            runs = {_worker(run): run for run in [nodes.queue.submit(asked) for _ in range(2)]}
            time.sleep(random.uniform(0, span))
            pid = next(pid for pid in runs if _is_of(pid, second)) if node else random.choice(list(runs))
            view = nodes.queue.snapshot(runs[pid])
            moment = f"{view.status}, step {view.step}, iteration {view.iteration}" if view else "none"
            if node:
                nodes.cluster.remove_node(second, allow_graceful=False)
                nodes.cluster.add_node(**NODE)
            else:
                os.kill(pid, signal.SIGKILL)
            while nodes.queue.active():
                time.sleep(0.1)
            views = [nodes.queue.snapshot(run) for run in runs.values()]
            equal = all(view and view.status == "done" for view in views)
            equal = equal and all(results(nodes.queue.out / run) == reference for run in runs.values())
            same += equal
            messages = " ".join(view.message for view in views if view)
            print(f"{trial + 1}: {'node' if node else 'worker'} killed ({moment}), same bits: {equal} {messages}")
    finally:
        nodes.close()
    return same


def _worker(run: str) -> int:
    """The process of a run; Ray calls it by the task's name."""
    while True:
        for process in psutil.process_iter(["cmdline"]):
            if (process.info["cmdline"] or [""])[0].endswith(run):
                return process.pid
        time.sleep(0.02)


def _is_of(pid: int, node: Any) -> bool:
    """Whether a process was started by a node."""
    raylets = {each.process.pid for each in node.all_processes.get("raylet", [])}
    return bool(raylets & {parent.pid for parent in psutil.Process(pid).parents()})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=16, help="merges of the grid (default: 16)")
    parser.add_argument(
        "--iterations", type=int, default=20, help="of every fusion (default: 20); 0: merges by average"
    )
    parser.add_argument("--kills", type=int, default=0, help="workers and nodes to kill, by turns (default: 0)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        if options.runs:
            reached = efficiency(options.runs, options.iterations, Path(folder))
            print(f"efficiency: {reached:.2f}, goal {GOAL}", flush=True)
            good = reached >= GOAL
        if options.kills:
            same = kills(options.kills, options.seed, options.iterations, Path(folder))
            print(f"{same} of {options.kills} went on to the same bits")
            good = good and same == options.kills
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
