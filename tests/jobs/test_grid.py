"""A grid of merges through a queue with several devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.analysis.grid import plan
from otmf_core.config import MergeConfig
from otmf_core.errors import Interrupted
from otmf_core.jobs.grid import Progress, run_grid
from otmf_core.jobs.queue import JobQueue
from otmf_core.runs.folder import list_runs
from tests.dashboard.fake_engine import FakeEngine

CONFIGS = [MergeConfig.build(tasks=("red", "green"), iterations=60, seed=seed) for seed in range(5)]


@pytest.mark.parametrize("devices", [("cpu",), ("cuda:0", "cuda:1", "cpu")])
def test_a_grid_uses_every_device_and_ends_every_run(tmp_path: Path, devices: tuple[str, ...]):
    engine, told = FakeEngine(pause=0.005, devices=devices), list[Progress]()
    assert run_grid(JobQueue(tmp_path, engine), plan(CONFIGS, [], ""), told.append, lambda: False) == {}
    assert {run.status for run in list_runs(tmp_path)[0]} == {"done"} and len(list_runs(tmp_path)[0]) == 5
    assert engine.most_at_once == max(1, len(devices) - 1)
    assert [each.done for each in told if each.ended] == [1, 2, 3, 4, 5]
    assert told[-1].eta_seconds == 0


def test_a_stop_ends_all_that_are_under_way_and_begins_no_other(tmp_path: Path):
    queue, told = JobQueue(tmp_path, FakeEngine(pause=0.02, devices=("cuda:0", "cuda:1", "cpu"))), list[Progress]()

    def two_are_merging() -> bool:
        return sum(status == "running" for _, status in queue.active()) == 2

    with pytest.raises(Interrupted):
        run_grid(queue, plan(CONFIGS, [], ""), told.append, two_are_merging)
    runs = list_runs(tmp_path)[0]
    assert [run.status for run in runs] == ["stopped"] * 2
    goes_on = plan(CONFIGS, runs, "")
    assert (len(goes_on.resume), len(goes_on.missing)) == (2, 3)


def test_a_failed_run_is_told_and_the_others_go_on(tmp_path: Path):
    engine = FakeEngine(broken={"blue": RuntimeError("out of memory")}, devices=("cuda:0", "cuda:1", "cpu"))
    configs = [*CONFIGS, MergeConfig.build(tasks=("red", "blue"), iterations=5)]
    failed = run_grid(JobQueue(tmp_path, engine), plan(configs, [], ""), lambda progress: None, lambda: False)
    assert list(failed.values()) == ["RuntimeError: out of memory"]
    assert sorted(run.status for run in list_runs(tmp_path)[0]) == ["done"] * 5 + ["failed"]
