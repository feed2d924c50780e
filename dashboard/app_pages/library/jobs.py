"""Work on libraries in the background: one job at a time, which any page may look at while it runs and afterwards."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from dashboard.sharing.rules import check_change
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import shown
from otmf_core.jobs.queue import go_behind
from otmf_core.library.making.reporting import Report

log = logging.getLogger(__name__)

EXIT_SECONDS = 5.0  # given at exit to clear away what is unfinished


@dataclass(frozen=True)
class Job:
    """A piece of work as it is now; `outcome` is what it returned, `message` why it failed."""

    number: int
    title: str
    status: Literal["running", "done", "failed", "stopped"] = "running"
    text: str = "Starting"
    share: float = 0.0
    message: str = ""
    outcome: object = None
    seconds: float = 0.0


class Jobs:
    """The last job, running or ended, kept until it is dismissed or another one is started."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._job: Job | None = None
        self._started = 0.0
        self._numbers = 0
        self._stop = threading.Event()

    def start(self, title: str, work: Callable[[Report], object]) -> int:
        """Begin `work` on a thread of its own and return its number; raises InputError while another one runs, and
        where nothing may be changed.
        """
        check_change()
        with self._changed:
            if self._job and self._job.status == "running":
                raise InputError(f"one piece of work on libraries is done at a time: {shown(self._job.title)} runs now")
            self._numbers += 1
            self._stop.clear()
            self._started = time.monotonic()
            self._job = Job(self._numbers, title)
            threading.Thread(target=self._work, args=(work,), name="libraries", daemon=True).start()
            return self._numbers

    def now(self) -> Job | None:
        """The job as it is now, or None where there is none to look at."""
        with self._changed:
            if self._job and self._job.status == "running":
                return replace(self._job, seconds=time.monotonic() - self._started)
            return self._job

    def stop(self) -> None:
        """Ask the running job to end; it does when it next says how far it is."""
        with self._changed:
            if self._job and self._job.status == "running":
                self._stop.set()
                self._job = replace(self._job, text="Stopping")

    def dismiss(self, number: int) -> None:
        """Forget that job, if it has ended and is still the last."""
        with self._changed:
            if self._job and self._job.number == number and self._job.status != "running":
                self._job = None

    def close(self, timeout: float = EXIT_SECONDS) -> None:
        """Stop the running job and wait for its end, for at most `timeout` seconds."""
        self.stop()
        with self._changed:
            self._changed.wait_for(lambda: not self._job or self._job.status != "running", timeout)

    def _work(self, work: Callable[[Report], object]) -> None:
        go_behind()
        try:
            self._end(status="done", outcome=work(self._report))
        except Interrupted:
            self._end(status="stopped")
        except InputError as error:
            self._end(status="failed", message=str(error))
        except BaseException as error:  # the page says it; the log has the traceback
            log.exception("work on a library failed")
            self._end(status="failed", message=f"{type(error).__name__}: {error}")

    def _report(self, text: str, share: float) -> None:
        with self._changed:
            if self._stop.is_set() and share < 1.0:  # what is done stays done
                raise Interrupted("the work was stopped on request")
            if self._job:
                self._job = replace(self._job, text=text, share=min(max(share, 0.0), 1.0))

    def _end(self, **ending: object) -> None:
        with self._changed:
            if self._job:
                seconds = time.monotonic() - self._started
                self._job = replace(self._job, seconds=seconds, **ending)
            self._changed.notify_all()


_jobs = Jobs()
atexit.register(lambda: _jobs.close())


def library_jobs() -> Jobs:
    """The jobs of this process, which every page and every tab shares."""
    return _jobs
