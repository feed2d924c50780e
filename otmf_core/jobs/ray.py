"""The queue of merges on a Ray cluster: what `JobQueue` answers, with as many runs at once as the cluster has room for.

A run is a task, had carried out by a keeper that lives on the cluster. Whoever asked for it may end and come back: its
runs go on, and are found again. A worker or a node that is lost costs what was done since the last save, no more. The
runs folder stays the truth: it is used where nodes see it, and brought back to where they do not.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from otmf_core import __version__
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.jobs import cluster
from otmf_core.jobs.carrier import Order
from otmf_core.jobs.gate import Gate
from otmf_core.jobs.gated import GatedQueue
from otmf_core.jobs.keeper import Told
from otmf_core.jobs.shared_folder import bring, mark_of
from otmf_core.library.library import open_library
from otmf_core.runs.archive import write_zip
from otmf_core.runs.folder import load_run
from otmf_core.runs.machine import host
from otmf_core.runs.view import RunView, advance, eta_seconds, new_view, stored_view

log = logging.getLogger(__name__)

ENGINE = "otmf_core.merging.merge"
POLL_SECONDS = 0.2
KEPT = 256  # ended jobs remembered; their run folders stay
CLOSE_SECONDS = 5.0
ANSWER_SECONDS = 60.0  # a cluster that says nothing for so long is lost


@dataclass
class _Job:
    view: RunView
    sent: bool = False  # whether the keeper has it, or is about to
    again: bool = False  # whether a keeper that had it was lost
    stopping: bool = False
    known: int = 0  # events
    saves: int = 0  # brought back
    before: float = 0.0  # seconds spent in earlier parts


class RayQueue(GatedQueue[_Job]):
    """Merges of one runs folder on the cluster at `address`; `shared` False keeps nodes from using the folder itself.

    Raises InputError where the cluster cannot be had. Runs that an earlier process left there are found again.
    """

    def __init__(self, out: Path, address: str, *, engine: str = ENGINE, shared: bool = True, gate: Gate | None = None):
        super().__init__(out.resolve(), gate)
        self.address = address
        self._engine, self._shared = engine, shared
        self._thread: threading.Thread | None = None
        self._closed = False
        cluster.connect(address)
        self._place = f"{host()}:{self.out}"
        try:
            self._keeper: Any = cluster.keeper(create=False)
            if self._keeper is not None:
                self._find_again()
        except Exception as error:  # Ray has many
            raise cluster.silent(address, error) from None

    def stop(self, run: str) -> None:
        """Removes a queued merge, or stops a running one within an iteration; resumable afterwards.

        Raises InputError where the gate does.
        """
        self._gate.change()
        self._stop(run, "Stopping")

    def _stop(self, run: str, phase: str) -> None:
        with self._changed:
            job = self._jobs.get(run)
            if job is None or job.view.status not in ("queued", "running"):
                return
            if not job.sent:
                del self._jobs[run]
                return
            job.stopping = True
            job.view = replace(job.view, phase=phase)

    def discard(self, run: str) -> None:
        """Ends a queued or running merge for good: stops it as `stop` does, then deletes its folder and forgets it."""
        self._gate.change()
        with self._changed:
            if run not in self.configs():
                return
            self.discarded.add(run)
            self._stop(run, "Discarding")
            waited = run not in self._jobs
        if waited:
            self._delete_folder(run)

    def snapshot(self, run: str) -> RunView | None:
        """The job as it is now, or None if this process never had it or forgot it."""
        with self._changed:
            job = self._jobs.get(run)
            return job.view if job else None

    def active(self) -> tuple[tuple[str, str], ...]:
        """(run, status) of the running jobs and of the queued ones, in the order in which they were asked for."""
        with self._changed:
            every = [(run, job.view.status) for run, job in self._jobs.items()]
            return tuple(pair for status in ("running", "queued") for pair in every if pair[1] == status)

    def has_room(self, device: str) -> bool:
        """Always: what the cluster has no room for waits there, and goes on when this process has ended."""
        return True

    def close(self) -> None:
        """Looks no longer; runs go on, and another queue of this folder finds them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(CLOSE_SECONDS)

    def _take(self, view: RunView, begun: bool) -> None:
        self._enqueue(_Job(view, before=view.elapsed))  # whether it has begun is seen when it is sent

    def _enqueue(self, job: _Job) -> None:
        with self._changed:
            self._jobs.pop(job.view.run, None)
            self._jobs[job.view.run] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="cluster", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _find_again(self) -> None:
        """Take up the runs that the keeper has for this folder."""
        for run, told in self._ask("look", self._place, {}, ()).items():
            view = new_view(run, MergeConfig.parse(told["order"]["config"]))
            with suppress(InputError):
                view = replace(stored_view(load_run(self.out / run)), status="queued", record=None)
            self._enqueue(_Job(replace(view, phase="Waiting"), sent=True, before=view.elapsed))

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        answered = time.monotonic()
        while True:
            with self._changed:
                while not self._closed and not self.active():
                    self._changed.wait()
                    answered = time.monotonic()
                if self._closed:
                    return
                unsent = [job for job in self._jobs.values() if job.view.status == "queued" and not job.sent]
                known = {run: job.known for run, job in self._jobs.items()}
                stopping = [run for run in self.configs() if self._jobs[run].stopping]
            try:
                for job in unsent:
                    self._send(job)
                told = self._ask("look", self._place, known, stopping)
                for run, job in list(self._jobs.items()):
                    if job.sent and job.view.status in ("queued", "running"):
                        self._hear_of(job, told.get(run))
                answered = time.monotonic()
            except Exception as error:
                if _is_of_the_keeper(error):
                    self._take_up()
                elif time.monotonic() - answered > ANSWER_SECONDS:
                    log.exception("the cluster at %s is lost", self.address)
                    self._lose(error)
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, *arguments: Any) -> Any:
        import ray

        if not ray.is_initialized():
            cluster.connect(self.address)
            self._keeper = cluster.keeper(create=True)
        return ray.get(getattr(self._keeper, method).remote(*arguments), timeout=ANSWER_SECONDS)

    def _send(self, job: _Job, content: bytes | None = None) -> None:
        """Give a run to the keeper, `content` with its folder where that is not seen."""
        config, run = job.view.config, job.view.run
        with self._changed:
            if self._jobs.get(run) is not job:  # stopped meanwhile
                return
            job.sent, job.known, job.saves = True, 0, 0
        if job.stopping:
            self._finish(job, "stopped", "")
            return
        if self._keeper is None:
            self._keeper = cluster.keeper(create=True)
        try:
            needs = cluster.needs(config, cluster.nodes())
            library = open_library(config.library).manifest_hash
            mark = mark_of(self.out) if self._shared else ""
        except InputError as error:
            self._end(job, status="failed", phase="Failed", message=str(error))
            return
        order = Order(
            version=__version__,
            engine=self._engine,
            run=run,
            config=config.model_dump(mode="json"),
            library=library,
            out=str(self.out),
            mark=mark,
            threads=int(needs["num_cpus"]),
            begun=(self.out / run).is_dir(),
            again=job.again,
        )
        self._ask("take", self._place, order, needs, content)

    def _hear_of(self, job: _Job, told: Told | None) -> None:
        try:
            self._hear(job, told)
        except InputError as error:  # of what was brought back, or of a disk that is full
            self._end(job, status="failed", phase="Failed", message=str(error))

    def _hear(self, job: _Job, told: Told | None) -> None:
        """Fold what the keeper tells of a run into its view; None where it has none of that id (any more)."""
        run = job.view.run
        if told is None:
            with self._changed:
                job.sent = False  # to be sent again
            return
        with self._changed:
            view = job.view
            for event in told["events"]:
                view = advance(view, event)
            job.known = told["count"]
            if told["seconds"] is not None and told["ending"] is None:
                phase = job.view.phase if job.stopping else view.phase
                now = told["seconds"]
                view = replace(view, status="running", phase=phase, elapsed=job.before + now)
                view = replace(view, eta_seconds=eta_seconds(view, now))
            job.view = view
        if told["saves"] > job.saves and run not in self.discarded:
            self._bring(run)
            job.saves = told["saves"]
        ending = told["ending"]
        if ending is None:
            return
        if ending["status"] == "wanted" and not job.stopping:
            file = io.BytesIO()
            write_zip(self.out / run, file, whole=True)
            self._send(job, file.getvalue())
            return
        self._ask("forget", run)
        self._finish(job, ending["status"], ending["message"])

    def _finish(self, job: _Job, status: str, message: str) -> None:
        run = job.view.run
        if run in self.discarded:
            self._delete_folder(run)
        if status == "wanted":  # and was stopped before it was sent there
            status = "stopped"
        if run in self.discarded or status == "held" or (status == "stopped" and not (self.out / run).is_dir()):
            with self._changed:
                self._jobs.pop(run, None)  # gone for good, another process has it, or it had not begun
        elif status == "done":
            try:
                record = load_run(self.out / run).record
            except InputError as error:
                self._end(job, status="failed", phase="Failed", message=str(error))
                return
            self._end(job, status="done", phase="Done", record=record, eta_seconds=0.0)
        else:
            self._end(job, status=status, phase=status.capitalize(), message=message)

    def _end(self, job: _Job, **ending: Any) -> None:
        with self._changed:
            job.view = replace(job.view, **ending)
            self._forget(KEPT)

    def _bring(self, run: str) -> None:
        """Put the run's folder here as the keeper has it."""
        content: bytes | None = self._ask("saved", run)
        if content is not None:
            bring(content, self.out, run)

    def _take_up(self) -> None:
        """The keeper is gone and with it its tasks: have all that is active go on from its folder, by another one."""
        with self._changed:
            self._keeper = None
            for job in self._jobs.values():
                if job.view.status in ("queued", "running"):
                    job.sent, job.again = False, True
                    job.view = replace(job.view, status="queued", phase="Waiting")

    def _lose(self, error: Exception) -> None:
        reason = shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        message = (
            f"the Ray cluster at {self.address} does not answer any more ({reason}); what was saved is kept, and runs "
            "go on from there"
        )
        for run in self.configs():
            self.discarded.discard(run)  # it may be gone on with
            self._end(self._jobs[run], status="failed", phase="Failed", message=message)


def _is_of_the_keeper(error: Exception) -> bool:
    from ray.exceptions import ActorUnavailableError, RayActorError

    return isinstance(error, RayActorError) and not isinstance(error, ActorUnavailableError)
