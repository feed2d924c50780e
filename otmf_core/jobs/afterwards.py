"""Features of the run that finished last, taken by themselves while nothing is merged, where that is short."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable

from otmf_core import layout
from otmf_core.analysis.features import images_per_task, stored, take_features
from otmf_core.errors import InputError, Interrupted
from otmf_core.jobs.base import Queue
from otmf_core.jobs.queue import go_behind
from otmf_core.runs.folder import Run, load_run

log = logging.getLogger(__name__)

SHORT_SECONDS = 60.0  # that features take at most, by their estimate, to be taken unasked
POLL_SECONDS = 2.0
LEAST_PRIORITY = 19  # of a thread
EXIT_SECONDS = 20.0  # that the program waits at its end


def features_seconds(run: Run) -> float | None:
    """Seconds that features of a finished run will take, by what its first step took; None where it was not measured.

    That step encodes more than the test images counted here, so that this is rather too long.
    """
    record = run.record
    if record is None or not record.step_seconds or not record.test_images or len(record.matrix) < 2:
        return None
    tasks = len(run.config.tasks)
    evaluated = sum(
        count for count, value in zip(record.test_images, record.matrix[1], strict=True) if value is not None
    )
    encoded = record.test_images[0] + evaluated  # by the expert, and by what was merged
    sampled = sum(min(count, images_per_task(tasks)) for count in record.test_images)
    return record.step_seconds[0] / encoded * (2 * tasks + 1) * sampled if encoded else None


class Afterwards:
    """Takes features in a thread of its own, behind all others; gives way to a merge, and begins again after it.

    `rest` is as in JobQueue; `check` raises InputError where no features may be written, as on a full disk. While it is
    not `on`, nothing is begun, and what is under way ends.
    """

    def __init__(self, queue: Queue, rest: Callable[[], float] = lambda: 0.0, check: Callable[[], None] = lambda: None):
        self.on = True
        self.done: tuple[str, float] | None = None  # the run whose features are taken now, and the share done
        self._queue = queue
        self._rest = rest
        self._check = check
        self._tried: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="features", daemon=True)

    def start(self) -> None:
        """Begin to look for runs that finish from now on, until the program ends."""
        self._thread.start()
        atexit.register(self.close)  # a thread that ends within torch's code would abort the program

    def close(self) -> None:
        """End what is under way, and look for no more."""
        self.on = False
        self._over.set()
        self._thread.join(EXIT_SECONDS)

    def due(self) -> str | None:
        """The run whose features are to be taken now: the last that this process finished, while nothing is merged."""
        run = self._queue.last_done()
        if not self.on or run is None or run in self._tried or self._queue.active():
            return None
        try:
            finished = load_run(self._queue.out / run)
            seconds = features_seconds(finished)
            if seconds is None or seconds > SHORT_SECONDS or stored(finished.path, len(finished.config.tasks)):
                self._tried.add(run)
                return None
        except InputError:  # deleted, or damaged
            return None
        return run

    def take(self, run: str) -> None:
        """Take the features of a run, unless a merge begins meanwhile, the run is deleted, or it is turned off."""
        path = self._queue.out / run

        def report(share: float) -> None:
            self.done = (run, share)
            time.sleep(max(0.0, self._rest()))
            if not self.on or self._queue.active() or not (path / layout.STATUS).is_file():
                raise Interrupted(f"features of {run} give way")

        try:
            report(0.0)
            self._check()
            take_features(path, report)
            self._tried.add(run)
        except Interrupted:
            pass
        except Exception as error:  # Features offers to take them, and says what is wrong
            self._tried.add(run)
            log.info("features of %s were not taken: %s", run, error)
        finally:
            self.done = None

    def _work(self) -> None:
        go_behind(LEAST_PRIORITY)
        while not self._over.wait(POLL_SECONDS):
            if run := self.due():
                self.take(run)
