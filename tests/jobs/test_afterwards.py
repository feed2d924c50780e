"""Features taken by themselves after a merge: when, of which run, and what they give way to."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from otmf_core.analysis import features
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.jobs import afterwards
from otmf_core.jobs.afterwards import Afterwards, features_seconds
from otmf_core.jobs.queue import JobQueue
from tests.dashboard.fake_engine import FakeEngine
from tests.made_runs import made_run
from tests.tiny import merge_config

CONFIG = MergeConfig.build(tasks=("red", "green"), method="average", library="colours")


def ended(queue: JobQueue) -> JobQueue:
    while queue.active():
        time.sleep(0.005)
    return queue


def test_the_estimate_is_of_images_at_the_pace_of_the_first_step():
    matrix = ((30.0, 30.0), (80.0, 40.0), (78.0, 80.0))
    run = made_run("a", CONFIG, matrix=matrix, test_images=(50, 500), step_seconds=(6.0, 9.0))
    # 50 by the expert and 550 by what was merged took 6 s; five models see 50 and 100 images
    assert features_seconds(run) == pytest.approx(6.0 / 600 * 5 * 150)
    assert features_seconds(made_run("a", CONFIG)) is None


def test_the_run_that_finished_last_is_due_while_nothing_is_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    queue = JobQueue(tmp_path, FakeEngine())
    after = Afterwards(queue)
    assert after.due() is None
    queue.submit(CONFIG)
    last = queue.submit(CONFIG)
    ended(queue)
    monkeypatch.setattr(afterwards, "features_seconds", lambda run: 5.0)
    assert after.due() == last
    after.on = False
    assert after.due() is None
    after.on = True
    monkeypatch.setattr(afterwards, "features_seconds", lambda run: afterwards.SHORT_SECONDS + 1)
    assert after.due() is None


def test_features_give_way_to_a_merge_and_are_taken_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    queue = JobQueue(tmp_path, FakeEngine())
    after = Afterwards(queue)
    queue.submit(CONFIG)
    run = queue.submit(CONFIG)
    ended(queue)
    monkeypatch.setattr(afterwards, "features_seconds", lambda run: 5.0)
    seen: list[float] = []

    def take(path: Path, report) -> None:
        for share in (0.2, 0.6):
            seen.append(share)
            if len(seen) == 1:
                monkeypatch.setattr(queue, "active", lambda: (("other", "running"),))
            report(share)

    monkeypatch.setattr(afterwards, "take_features", take)
    after.take(run)
    assert (seen, after.done) == ([0.2], None)
    monkeypatch.undo()
    monkeypatch.setattr(afterwards, "features_seconds", lambda run: 5.0)
    monkeypatch.setattr(afterwards, "take_features", take)
    assert after.due() == run
    seen.append(0.0)
    after.take(run)
    assert seen == [0.2, 0.0, 0.2, 0.6]
    assert after.due() is None


def test_closing_ends_what_is_under_way_and_looks_for_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    queue = JobQueue(tmp_path, FakeEngine())
    queue.submit(CONFIG)
    ended(queue)
    begun = threading.Event()

    def take(path: Path, report) -> None:
        while True:
            begun.set()
            report(0.5)

    monkeypatch.setattr(afterwards, "features_seconds", lambda run: 5.0)
    monkeypatch.setattr(afterwards, "take_features", take)
    monkeypatch.setattr(afterwards, "POLL_SECONDS", 0.01)
    after = Afterwards(queue)
    others = set(threading.enumerate())  # an app of another test has one of its own
    after.start()
    assert begun.wait(60)
    after.close()
    assert "features" not in [thread.name for thread in threading.enumerate() if thread not in others]
    assert after.done is None


def test_what_cannot_be_taken_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    queue = JobQueue(tmp_path, FakeEngine())
    queue.submit(CONFIG)
    ended(queue)
    monkeypatch.setattr(afterwards, "features_seconds", lambda run: 5.0)
    after = Afterwards(queue)
    run = after.due()
    assert run is not None
    after.take(run)  # there is no library of that name
    assert after.due() is None


def test_nothing_is_taken_where_it_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    queue = JobQueue(tmp_path, FakeEngine())
    queue.submit(CONFIG)
    ended(queue)
    monkeypatch.setattr(afterwards, "features_seconds", lambda run: 5.0)
    taken: list[Path] = []
    monkeypatch.setattr(afterwards, "take_features", lambda path, report: taken.append(path))

    def check() -> None:
        raise InputError("runs may take 1 GB on this server")

    after = Afterwards(queue, check=check)
    run = after.due()
    assert run is not None
    after.take(run)
    assert (taken, after.due()) == ([], None)


def test_features_of_a_real_merge_are_those_of_the_button(tiny: Path, tmp_path: Path):
    queue = JobQueue(tmp_path)
    run = queue.submit(merge_config(tiny))
    ended(queue)
    after = Afterwards(queue)
    assert after.due() == run
    after.take(run)
    facts = features.stored(tmp_path / run, len(merge_config(tiny).tasks))
    assert facts is not None
    taken = (tmp_path / run / "features/features.safetensors").read_bytes()
    features.take_features(tmp_path / run)
    assert (tmp_path / run / "features/features.safetensors").read_bytes() == taken
