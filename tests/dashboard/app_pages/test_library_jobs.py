"""Jobs on libraries: one at a time, followed while they run, told when they end, whatever their end is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard.app_pages.library.jobs import Job, Jobs, Report
from otmf_core.errors import InputError
from tests.tiny import is_one_sentence


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def end(jobs: Jobs) -> Job:
    """The job, once it has ended."""
    with jobs._changed:
        assert jobs._changed.wait_for(lambda: jobs._job and jobs._job.status != "running", 10)
        assert jobs._job
        return jobs._job


class Gate:
    """Work that reports, waits until it may go on, and reports again."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, report: Report) -> str:
        report("Half of it", 0.5)
        self.reached.set()
        assert self.open.wait(10)
        report("More of it", 0.75)
        return "outcome"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


def raising(error: BaseException) -> Callable[[Report], Any]:
    def work(report: Report) -> None:
        raise error

    return work


def test_progress_is_seen_and_then_the_outcome(jobs: Jobs, gate: Gate):
    assert jobs.now() is None
    number = jobs.start("Making it", gate)
    assert gate.reached.wait(10)
    now = jobs.now()
    assert now and (now.number, now.title, now.status) == (number, "Making it", "running")
    assert (now.text, now.share) == ("Half of it", 0.5)
    assert now.seconds > 0
    gate.open.set()
    ended = end(jobs)
    assert (ended.status, ended.outcome, ended.message) == ("done", "outcome", "")


def test_a_refusal_is_its_sentence(jobs: Jobs):
    jobs.start("Making it", raising(InputError("a model has weights: none are in x")))
    ended = end(jobs)
    assert (ended.status, ended.message, ended.outcome) == ("failed", "a model has weights: none are in x", None)


@pytest.mark.parametrize("error", [IndexError("index out of range"), SystemExit("index out of range")])
def test_a_crash_is_told_and_logged(jobs: Jobs, error: BaseException, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        jobs.start("Making it", raising(error))
        ended = end(jobs)
    assert (ended.status, ended.message) == ("failed", f"{type(error).__name__}: index out of range")
    assert "Traceback" in caplog.text


def test_a_second_one_is_refused_while_the_first_runs(jobs: Jobs, gate: Gate):
    first = jobs.start("Making it", gate)
    with pytest.raises(InputError, match="'Making it' runs now") as caught:
        jobs.start("Making another", gate)
    assert is_one_sentence(str(caught.value))
    gate.open.set()
    end(jobs)
    assert jobs.start("Making another", lambda report: None) == first + 1
    assert end(jobs).title == "Making another"


def test_a_stopped_one_ends_when_it_next_reports(jobs: Jobs, gate: Gate):
    jobs.start("Making it", gate)
    assert gate.reached.wait(10)
    jobs.stop()
    now = jobs.now()
    assert now and now.text == "Stopping"
    gate.open.set()
    assert end(jobs).status == "stopped"
    jobs.start("Making another", lambda report: report("All of it", 0.1))
    assert end(jobs).status == "done"


def test_what_is_done_is_not_stopped(jobs: Jobs):
    def work(report: Report) -> str:
        jobs.stop()
        report("Done", 1.0)
        return "outcome"

    jobs.start("Making it", work)
    assert end(jobs).outcome == "outcome"


def test_one_that_ended_is_dismissed_by_its_number(jobs: Jobs, gate: Gate):
    number = jobs.start("Making it", gate)
    jobs.dismiss(number)
    assert jobs.now()
    gate.open.set()
    end(jobs)
    jobs.dismiss(number + 1)
    assert jobs.now()
    jobs.dismiss(number)
    assert jobs.now() is None


def test_closing_waits_for_the_end(jobs: Jobs, gate: Gate):
    jobs.start("Making it", gate)
    assert gate.reached.wait(10)
    threading.Timer(0.05, gate.open.set).start()
    jobs.close(10)
    now = jobs.now()
    assert now and now.status == "stopped"
