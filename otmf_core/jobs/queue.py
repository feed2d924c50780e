"""The queue of merges and its background threads, one per device: submit, stop, resume, and look at any time.

A thread runs one merge after the other on its device and folds the engine's events into an immutable view under a
lock, so that any number of pages can look without touching the thread. A failed merge ends as failed with its message;
the thread lives on. It is a daemon: at exit running merges are asked to stop, which leaves run folders that resume.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from otmf_core.errors import InputError, Interrupted
from otmf_core.files import inside
from otmf_core.jobs.devices import CPU, fits, takers
from otmf_core.jobs.engine import Engine, merging_engine
from otmf_core.jobs.gate import Gate
from otmf_core.jobs.gated import GatedQueue
from otmf_core.runs.events import Event
from otmf_core.runs.folder import delete_run, is_done
from otmf_core.runs.lock import HeldError
from otmf_core.runs.view import RunView, advance, eta_seconds

log = logging.getLogger(__name__)

KEPT = 32  # ended jobs remembered; their run folders stay
EXIT_SECONDS = 20.0  # given at exit to finish the current step and write a checkpoint
NICENESS = 5  # more than that of the program


@dataclass
class _Job:
    view: RunView
    resumes: bool = False  # whether there is a run folder to continue
    started: float = 0.0
    place: str = ""  # the device of the thread that runs it
    before: float = 0.0  # seconds spent in earlier parts
    stop: threading.Event = field(default_factory=threading.Event)


class JobQueue(GatedQueue[_Job]):
    """Merges of one runs folder, one at a time on every device, in the order in which they were asked for.

    `rest` tells, whenever a merge asks whether to go on, for how many seconds it shall leave the processor to others.
    """

    def __init__(
        self,
        out: Path,
        engine: Engine | None = None,
        rest: Callable[[], float] = lambda: 0.0,
        gate: Gate | None = None,
    ):
        super().__init__(out, gate)
        self._engine = engine
        self._rest = rest
        self._waiting: list[str] = []
        self._running: list[str] = []  # in the order in which they began
        self._devices: tuple[str, ...] = ()  # known once the first merge was asked for
        self._thread: threading.Thread | None = None

    def stop(self, run: str) -> None:
        """Removes a queued merge, or stops the running one within one iteration; resumable afterwards.

        Raises InputError where the gate does.
        """
        self._gate.change()
        self._stop(run)

    def _stop(self, run: str) -> None:
        with self._changed:
            if run in self._waiting:
                self._waiting.remove(run)
                del self._jobs[run]
            elif run in self._running:
                job = self._jobs[run]
                job.stop.set()
                job.view = replace(job.view, phase="Stopping")

    def discard(self, run: str) -> None:
        """Ends a queued or running merge for good: stops it as `stop` does, then deletes its folder and forgets it."""
        with self._changed:
            waiting = run in self._waiting
            self.stop(run)
            self.discarded.add(run)
            if run in self._running:
                self._jobs[run].view = replace(self._jobs[run].view, phase="Discarding")
        if waiting and os.path.lexists(self.out / run):  # it waited for its second part
            delete_run(inside(self.out, run))

    def snapshot(self, run: str) -> RunView | None:
        """The job as it is now, or None if this process never had it or forgot it."""
        with self._changed:
            job = self._jobs.get(run)
            if job is None or job.view.status != "running":
                return job.view if job else None
            now = time.monotonic() - job.started
            return replace(job.view, elapsed=job.before + now, eta_seconds=eta_seconds(job.view, now))

    def active(self) -> tuple[tuple[str, str], ...]:
        """(run, status) of the running jobs and of the queued ones, each in the order of their turn."""
        with self._changed:
            return tuple([(run, "running") for run in self._running] + [(run, "queued") for run in self._waiting])

    def has_room(self, device: str) -> bool:
        """Whether a merge on that device (of a configuration) would begin at once; without merges it would."""
        with self._changed:
            if not self._running and not self._waiting:
                return True
            busy = {self._jobs[run].place for run in self._running}

            def idle(asked: str) -> list[str]:
                return [place for place in takers(asked, self._devices) if place not in busy]

            for run in self._waiting:  # those that are about to begin
                busy.update(idle(self._jobs[run].view.config.device)[:1])
            return bool(idle(device))

    def close(self, timeout: float = EXIT_SECONDS) -> None:
        """Drops queued merges, stops running ones and waits for their checkpoints for at most `timeout` seconds."""
        with self._changed:
            for run in list(self._waiting):
                self._stop(run)
            for run in list(self._running):
                self._stop(run)
            thread = self._thread
            deadline = time.monotonic() + timeout
            while thread and self._running and time.monotonic() < deadline:
                self._changed.wait(deadline - time.monotonic())

    def _take(self, view: RunView, begun: bool) -> None:
        self._jobs.pop(view.run, None)  # a resumed run becomes the youngest
        self._jobs[view.run] = _Job(view, resumes=begun, before=view.elapsed)
        self._waiting.append(view.run)
        if self._thread is None:
            self._thread = threading.Thread(target=self._begin, name="merges", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _begin(self) -> None:
        """Be the thread of the first device, after starting those of the others."""
        go_behind()
        first, *others = devices = self._look_for_devices()
        with self._changed:
            self._devices = devices
        for device in others:
            threading.Thread(target=self._work, args=(device,), name=f"merges {device}", daemon=True).start()
        self._work(first)

    def _look_for_devices(self) -> tuple[str, ...]:
        try:
            return (self._engine or merging_engine()).devices()
        except Exception:  # an engine that does not load: a merge says why
            log.exception("no devices were found")
            return (CPU,)

    def _next(self, device: str) -> str | None:
        """The first merge that waits and may run on a device."""
        waiting = ((run, self._jobs[run].view.config.device) for run in self._waiting)
        return next((run for run, asked in waiting if device in takers(asked, self._devices)), None)

    def _work(self, device: str) -> None:
        while True:
            with self._changed:
                while (run := self._next(device)) is None:
                    self._changed.wait()
                self._waiting.remove(run)
                self._running.append(run)
                job = self._jobs[run]
                job.started, job.place = time.monotonic(), device
                job.view = replace(job.view, status="running", phase="Starting")
            ending = self._run(job)
            if run in self.discarded:
                self._delete_folder(run)
            with self._changed:
                self._running.remove(run)
                if ending is None or run in self.discarded:
                    del self._jobs[run]
                    self._changed.notify_all()
                    continue
                spent = job.before + time.monotonic() - job.started
                job.view = replace(job.view, elapsed=spent, **ending)
                self._forget(KEPT)
                self._changed.notify_all()

    def _run(self, job: _Job) -> dict[str, Any] | None:
        """Runs one merge to its end, whatever that is; returns the fields of the view that say how it ended.

        None where another process holds the run, or ended it: its work is in the run folder, for all to see.
        """
        run, asked = job.view.run, job.view.config.device
        device = job.place if fits(asked, job.place) else asked

        def emit(event: Event) -> None:
            with self._changed:
                job.view = advance(job.view, event)

        def should_stop() -> bool:
            job.stop.wait(max(0.0, self._rest()))
            return job.stop.is_set()

        try:
            engine = self._engine or merging_engine()
            if job.resumes:
                record = engine.resume_merge(self.out / run, emit=emit, should_stop=should_stop, device=device)
            else:
                record = engine.run_merge(
                    job.view.config, self.out, emit=emit, should_stop=should_stop, run_id=run, device=device
                )
        except Interrupted:
            return {"status": "stopped", "phase": "Stopped"}
        except HeldError as error:
            log.info("%s", error)
            return None
        except InputError as error:
            if job.resumes and is_done(self.out / run):  # another process ended it while it waited here
                return None
            return {"status": "failed", "phase": "Failed", "message": str(error)}
        except Exception as error:  # the thread outlives any failure; the page says it, the log keeps the traceback
            log.exception("run %s failed", run)
            return {"status": "failed", "phase": "Failed", "message": f"{type(error).__name__}: {error}"}
        return {"status": "done", "phase": "Done", "record": record, "eta_seconds": 0.0}


def go_behind(niceness: int = NICENESS) -> None:
    """Let what draws pages go first, where threads have priorities; threads that this one starts inherit its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + niceness, 19))


_queues: dict[Path, JobQueue] = {}
_queues_lock = threading.Lock()


def job_queue(out: Path, rest: Callable[[], float] = lambda: 0.0, gate: Gate | None = None) -> JobQueue:
    """The one queue of this process for a runs folder; `rest` and `gate` as in JobQueue, of whoever asks first."""
    key = out.resolve()
    with _queues_lock:
        if key not in _queues:
            _queues[key] = JobQueue(key, rest=rest, gate=gate)
            atexit.register(_queues[key].close)
        return _queues[key]
