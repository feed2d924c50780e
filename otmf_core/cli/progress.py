"""Progress of a merge on stderr: bars with ETA on a terminal, plain lines elsewhere; and signals."""

from __future__ import annotations

import signal
import sys
from datetime import timedelta
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from otmf_core.runs.events import Evaluated, Event, Phase
from otmf_core.runs.view import RunView, advance, eta_seconds, fraction_done


class StopSignals:
    """Inside the block, the first Ctrl-C or SIGTERM asks to stop (calling this value then tells True).

    A second one takes its usual effect, so that nothing can hang.
    """

    def __init__(self) -> None:
        self._asked = False
        self._usual: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self._asked

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._usual[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _ask(self, *_: object) -> None:
        self._asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)


class ProgressLines:
    """Shows engine events on stderr as they arrive; give it to the engine as `emit`. The first line comes at once.

    `view` is the run before its first event.
    """

    def __init__(self, first_line: str, view: RunView) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._row = self._bar.add_task(first_line, total=1.0, left="")
        self._view = view
        self._said: set[str] = set()
        self._say(first_line)

    def __enter__(self) -> ProgressLines:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        view = self._view = advance(self._view, event)
        if isinstance(event, Phase):
            self._say(event.text)
        elif isinstance(event, Evaluated):
            self._say(_row_line(view, event.step))
        left = eta_seconds(view, event.seconds)
        self._bar.update(
            self._row,
            description=_now(view),
            completed=fraction_done(view),
            left="" if left is None else f"ETA {timedelta(seconds=round(left))}",
        )

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._bar.console.print(line, markup=False)


def _now(view: RunView) -> str:
    """The run's present work, in few words; while a row is evaluated, with its latest accuracy."""
    place = f"Task {view.step}/{len(view.tasks)} {view.tasks[view.step - 1]}" if view.step else view.phase
    evaluated = [(task, value) for task, value in zip(view.tasks, view.row, strict=False) if value is not None]
    if not evaluated:
        return place
    task, value = evaluated[-1]
    return f"{place if view.step else 'Pre-trained'}: {task} {value:.1f} %"


def _row_line(view: RunView, step: int) -> str:
    """Accuracy after a step, over the tasks merged so far; after step 0, of the pre-trained model where evaluated."""
    row = view.matrix[step] or ()
    seen = [value for value in (row[:step] if step else row) if value is not None]
    mean = f"{sum(seen) / len(seen):.1f} %" if seen else "not evaluated"
    if step == 0:
        return f"Zero-shot accuracy {mean}"
    return f"{step}/{len(view.tasks)} {view.tasks[step - 1]}: mean accuracy on merged tasks {mean}"
