"""A grid of merges through the queue, one after another: its progress, what it still takes, and what failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from otmf_core.analysis.grid import Plan
from otmf_core.config import MergeConfig
from otmf_core.errors import Interrupted
from otmf_core.forecast.work import pace
from otmf_core.jobs.queue import JobQueue
from otmf_core.runs.view import RunView

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """How far a grid is: runs there of those asked for, the one under way, seconds left, and why runs failed, by id.

    `ended` is the view of a run that has just ended, None otherwise; `eta_seconds` None before anything was measured.
    """

    done: int
    total: int
    current: RunView | None
    eta_seconds: float | None
    ended: RunView | None = None
    failed: Mapping[str, str] = field(default_factory=dict)


def run_grid(
    queue: JobQueue, plan: Plan, report: Callable[[Progress], None], should_stop: Callable[[], bool]
) -> Mapping[str, str]:
    """Carry out what a plan leaves to do; returns, by run id, why runs failed: the others go on.

    Raises Interrupted after a stop, which leaves the run under way to be gone on with.
    """
    spans = _Spans()
    for run in plan.done.values():
        if run.record:
            spans.add(run.config, run.record.seconds)
    todo = [(run.config, run.id) for run in plan.resume.values()] + [(config, "") for config in plan.missing]
    done, total, failed = len(plan.done), len(plan.done) + len(todo), {}
    for index, (config, run) in enumerate(todo):
        if run:
            queue.resume(run)
        else:
            run = queue.submit(config)
        after = spans.expected([each for each, _ in todo[index + 1 :]])

        def look(view: RunView, done: int = done, after: float | None = after) -> None:
            report(Progress(done, total, view, _eta(view, after)))

        view = _follow(queue, run, should_stop, look)
        if view is not None and view.status == "failed":
            failed[run] = view.message
        elif view is not None:
            done += 1
            spans.add(config, view.elapsed)
        report(Progress(done, total, None, after, view, dict(failed)))
    return failed


def _follow(
    queue: JobQueue, run: str, should_stop: Callable[[], bool], report: Callable[[RunView], None]
) -> RunView | None:
    """Look at a run until it ends; returns its last view, None where another process has it."""
    stopping = False
    while True:
        view = queue.snapshot(run)
        if view is None or view.status not in ("queued", "running"):
            if stopping:
                raise Interrupted("stopped between two runs of the grid" if view is None else f"stopped in {run}")
            return view
        report(view)
        if should_stop() and not stopping:
            stopping = True
            queue.stop(run)
        time.sleep(POLL_SECONDS)


def _eta(view: RunView, after: float | None) -> float | None:
    if after is None:
        return None
    return after + (view.eta_seconds or 0.0)


class _Spans:
    """How long merges took, to say how long others like them will."""

    def __init__(self) -> None:
        self._by_pace: dict[tuple, list[float]] = {}

    def add(self, config: MergeConfig, seconds: float) -> None:
        self._by_pace.setdefault(self._key(config), []).append(seconds)

    def expected(self, configs: Sequence[MergeConfig]) -> float | None:
        """Seconds of all of these: as those of the same method and length took, else as the median did."""
        if not self._by_pace:
            return None
        usual = median(seconds for spans in self._by_pace.values() for seconds in spans)
        return sum(median(self._by_pace.get(self._key(config), [usual])) for config in configs)

    def _key(self, config: MergeConfig) -> tuple:
        return (*pace(config), len(config.tasks))
