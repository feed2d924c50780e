"""A run under way, mirrored into a tracker: events and the run folder in, scalars, settings, matrix and card out.

What a step leaves is read from the run folder once the step is saved, so that a tracked run has what the run has, and
the iterations of a fusion come as they are told. The ledger says how far the tracker was told. It is written before
the tracker: a kill between both loses the points of that moment, and none is ever told twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from otmf_core import layout
from otmf_core.analysis.finished_run import finished_run
from otmf_core.config import MergeConfig
from otmf_core.export.model_card import Kind, model_card
from otmf_core.library.library import Library
from otmf_core.runs.events import Arrived, Event, Fused, Iterated, Started
from otmf_core.runs.folder import Run, load_run
from otmf_core.runs.view import stored_fusion
from otmf_core.tracking.base import End, Opening, Outcome, Points, Tracker, cause
from otmf_core.tracking.ledger import Told, read_told, write_told
from otmf_core.tracking.scalars import curve_values, final_values, step_values
from otmf_core.tracking.table import Tool

FLUSH_SECONDS = 2.0  # between two writings within a fusion
KIND = Kind(
    title="{tasks} merged",
    what="The pre-trained model of {library} with {models} merged into it. Its weights are in the folder of the run; "
    "an export writes them as other programs load them.",
    code="""from pathlib import Path

from otmf_core.export.layouts import export_run

export_run(Path("path/of/the/run"))""",
)


class Mirror:
    """One run told to one tool. Where the tool fails, that is said once, and the merge goes on untold."""

    def __init__(self, tool: Tool, path: Path, say: Callable[[str], None]) -> None:
        """The run in folder `path`, which need not be there before it starts."""
        self._tool, self._path, self._say = tool, path, say
        self._tracker: Tracker | None = None
        self._failed = False
        self._told = Told()
        self._config: MergeConfig | None = None
        self._points: list[Points] = []
        self._flushed = 0.0

    def __call__(self, event: Event) -> None:
        """Take in one event of the run."""
        self._try(lambda: self._take(event))

    def end(self, end: End) -> None:
        """Tell the rest, once the run has ended so."""
        self._try(lambda: self._close(end))

    def _try(self, act: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            act()
        except Exception as error:  # of whatever the tool is made of: no merge ends by it
            self._failed = True
            self._say(f"tracking by {self._tool.name} stopped, and the merge goes on: {cause(error)}")

    def _take(self, event: Event) -> None:
        match event:
            case Started():
                self._open()
            case Arrived():
                self._catch_up()
            case Iterated():
                self._iterated(event)
            case Fused():
                self._fill(event.step)

    def _open(self) -> None:
        run, before = load_run(self._path), read_told(self._path, self._tool.name)
        self._config = run.config
        settings = {"run": run.id, **run.config.flat()}
        opening = Opening(run.id, self._tool.folder(self._path.parent), settings, before.id)
        self._tracker = self._tool.open(opening)
        self._told = before if self._tracker.resumed else Told(id=self._tracker.id)
        self._flush()
        self._catch_up()

    def _close(self, end: End) -> None:
        if self._tracker is None:  # the run was refused
            return
        self._catch_up()
        if end == "done" and not self._told.finished:
            run, library = finished_run(self._path, "a run is tracked to its end")
            self._points.append(Points("step", len(run.config.tasks), final_values(run)))
            self._tell(finished=True)
            self._flush()
            self._tracker.finish(_outcome(run, library))
        self._tracker.close(end)

    def _catch_up(self) -> None:
        """Tell every step that the run folder has and the tracker has not."""
        run = load_run(self._path)
        for t in range(self._told.steps + 1, len(run.matrix)):
            self._fill(t)
            self._points.append(Points("step", t, step_values(run, t)))
            self._tell(steps=t)
        self._flush()

    def _iterated(self, event: Iterated) -> None:
        """Tell an iteration that comes next; what follows a gap comes with the whole fusion, see `_fill`."""
        before = self._before(event.step)
        number = before + event.iteration + 1
        if number > self._told.timed:
            self._points.append(Points("iteration", number, {"seconds/iteration": event.duration}))
            self._tell(timed=number)
        if number == max(self._told.iterations, before) + 1:
            self._points.append(Points("iteration", number, curve_values(event.row)))
            self._tell(iterations=number)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def _fill(self, t: int) -> None:
        """Tell what is missing of a fusion that has left its curves."""
        assert self._config is not None
        file = self._path / layout.step_folder(t) / layout.CURVES
        before, done = self._before(t), self._before(t + 1)
        if self._told.iterations >= done or not os.path.isfile(file):
            return
        curves = stored_fusion(file, self._config).curves
        for index in range(max(self._told.iterations - before, 0), max(map(len, curves.values()), default=0)):
            row = {name: values[index] for name, values in curves.items()}
            self._points.append(Points("iteration", before + index + 1, curve_values(row)))
        self._tell(iterations=done)

    def _before(self, t: int) -> int:
        """The iterations of all fusions before that of step t."""
        assert self._config is not None
        method, tasks = self._config.method, len(self._config.tasks)
        return method.iterations_per_fusion * sum(method.iterates_at(step, tasks) for step in range(1, t))

    def _tell(self, **changes: object) -> None:
        self._told = self._told.model_copy(update=changes)

    def _flush(self) -> None:
        assert self._tracker is not None
        write_told(self._path, self._tool.name, self._told)
        points, self._points = self._points, []
        if points:
            self._tracker.write(points)
        self._flushed = time.monotonic()


def _outcome(run: Run, library: Library) -> Outcome:
    from otmf_core.tracking.figures import matrix_picture

    assert run.record is not None  # as a finished run's never is
    tasks = run.config.tasks
    card = model_card(run.config, run.record, library, KIND)
    return Outcome(tasks, run.matrix, matrix_picture(tasks, run.matrix), card)
