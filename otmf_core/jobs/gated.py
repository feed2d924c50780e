"""What is asked of a queue of merges wherever it has them carried out, the gate first."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import inside
from otmf_core.jobs.gate import Gate
from otmf_core.runs.folder import delete_run, load_run, new_run_id
from otmf_core.runs.view import RunView, new_view, stored_view


class Job(Protocol):
    """A merge of a queue."""

    view: RunView


J = TypeVar("J", bound=Job)


class GatedQueue(ABC, Generic[J]):
    """Jobs of the runs folder `out`, by run id, the youngest last, behind one lock.

    `gate` is asked, on the thread of whoever calls, before anything is begun, stopped or deleted.
    """

    def __init__(self, out: Path, gate: Gate | None):
        self.out = out
        self.discarded: set[str] = set()  # ended for good, or about to
        self._gate = gate or Gate()
        self._changed = threading.Condition()
        self._jobs: dict[str, J] = {}

    @abstractmethod
    def active(self) -> tuple[tuple[str, str], ...]:
        """(run, status) of the running jobs and of the queued ones, each in the order of their turn."""

    @abstractmethod
    def _take(self, view: RunView, begun: bool) -> None:
        """Queue a merge, `begun` where it has a run folder to go on from; asked under the lock."""

    def submit(self, config: MergeConfig) -> str:
        """Queues a merge and returns its run id at once; raises InputError where the gate does."""
        run = new_run_id(config.method.name)
        with self._changed:
            self._gate.begin(run, config, self.configs())
            self._take(new_view(run, config), begun=False)
        return run

    def why_not(self, config: MergeConfig) -> InputError | None:
        """Why `submit` would refuse a merge now; None where it would not."""
        with self._changed:
            try:
                self._gate.begin("", config, self.configs())
            except InputError as error:
                return error
        return None

    def resume(self, run: str) -> None:
        """Queues the rest of a stopped, interrupted or failed merge; nothing happens if it is queued or running.

        Raises InputError when there is no such run, and where the gate does.
        """
        with self._changed:
            job = self._jobs.get(run)
            if job and job.view.status in ("queued", "running"):
                return
            begun = (self.out / run).is_dir()  # a merge refused before it began has no folder and starts over
            view = job.view if job else stored_view(load_run(self.out / run))
            self._gate.begin(run, view.config, self.configs())
            self._take(replace(view, status="queued", phase="Waiting", message="", record=None), begun)

    def delete(self, run: str) -> None:
        """Deletes the run's folder and forgets its job; raises InputError while the run is queued or running, and
        where the gate does.
        """
        self._gate.change()
        with self._changed:
            if run in dict(self.active()):
                raise InputError(f"a run is deleted once it has ended: {run} is {dict(self.active())[run]}")
            delete_run(inside(self.out, run))
            self._jobs.pop(run, None)

    def last_done(self) -> str | None:
        """The run that this queue finished last, None before it has finished one."""
        with self._changed:
            return next((run for run, job in reversed(self._jobs.items()) if job.view.status == "done"), None)

    def configs(self) -> dict[str, MergeConfig]:
        """The configurations of what is active, by run."""
        with self._changed:
            return {run: self._jobs[run].view.config for run, _ in self.active()}

    def _forget(self, kept: int) -> None:
        """Forget all ended jobs but the youngest; asked under the lock."""
        ended = [run for run, job in self._jobs.items() if job.view.status not in ("queued", "running")]
        for run in ended[:-kept]:
            del self._jobs[run]

    def _delete_folder(self, run: str) -> None:
        with suppress(InputError):  # there is none yet, or it cannot be deleted: Runs shows it
            delete_run(inside(self.out, run))
