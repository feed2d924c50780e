"""A grid of merges through a queue, as many at once as it has room for: progress, time left, and what failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from otmf_core.analysis.grid import Plan
from otmf_core.config import MergeConfig
from otmf_core.errors import Interrupted
from otmf_core.forecast.work import pace
from otmf_core.jobs.base import Queue
from otmf_core.runs.view import RunView

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """How far a grid is: runs there of those asked for, the first under way, seconds left, and why runs failed, by id.

    `ended` is the view of a run that has just ended, None otherwise; `eta_seconds` None before anything was measured.
    """

    done: int
    total: int
    current: RunView | None
    eta_seconds: float | None
    ended: RunView | None = None
    failed: Mapping[str, str] = field(default_factory=dict)


def run_grid(
    queue: Queue, plan: Plan, report: Callable[[Progress], None], should_stop: Callable[[], bool]
) -> Mapping[str, str]:
    """Carry out what a plan leaves to do; returns, by run id, why runs failed: the others go on.

    Raises Interrupted after a stop, which leaves runs under way to be gone on with.
    """
    spans = _Spans()
    for run in plan.done.values():
        if run.record:
            spans.add(run.config, run.record.seconds)
    todo = [(run.config, run.id) for run in plan.resume.values()] + [(config, "") for config in plan.missing]
    under_way: dict[str, MergeConfig] = dict(plan.going)
    done, total, failed = len(plan.done), len(plan.done) + len(under_way) + len(todo), {}
    stopping = False
    while under_way or (todo and not stopping):
        while todo and not stopping and (not under_way or queue.has_room(todo[0][0].device)):
            config, run = todo.pop(0)
            if run:
                queue.resume(run)
            else:
                run = queue.submit(config)
            under_way[run] = config
        views = {run: queue.snapshot(run) for run in under_way}
        active = [view for view in views.values() if view and view.status in ("queued", "running")]
        running = [view for view in active if view.status == "running"]
        waiting = [view.config for view in active if view.status == "queued"] + [config for config, _ in todo]
        for run in [run for run, view in views.items() if view not in active]:
            config, view = under_way.pop(run), views[run]
            if view is not None and view.status == "failed":  # None: another process has it
                failed[run] = view.message
            elif view is not None and view.status == "done":
                done += 1
                spans.add(config, view.elapsed)
            report(Progress(done, total, None, _eta(running, spans, waiting), view, dict(failed)))
        if active:
            report(Progress(done, total, (running or active)[0], _eta(running, spans, waiting)))
        if should_stop() and not stopping:
            stopping = True
            for run in reversed(under_way):  # those that wait first, or they would begin
                queue.stop(run)
        if under_way:
            time.sleep(POLL_SECONDS)
    if stopping:
        raise Interrupted("stopped before the last run of the grid had ended")
    return failed


def _eta(running: Sequence[RunView], spans: _Spans, waiting: Sequence[MergeConfig]) -> float | None:
    """Seconds left of the merges that run and of those to come, as many at once as there are now."""
    after = spans.expected(waiting)
    if after is None:
        return None
    return (sum(view.eta_seconds or 0.0 for view in running) + after) / max(len(running), 1)


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
