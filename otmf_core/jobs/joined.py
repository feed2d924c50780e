"""The queue of this process and, where the program was given one, that of a cluster: asked as if they were one."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.jobs.base import Queue
from otmf_core.jobs.gate import Gate
from otmf_core.jobs.queue import job_queue
from otmf_core.jobs.shared_folder import MARK
from otmf_core.runs.view import RunView

log = logging.getLogger(__name__)


class _GateOfBoth(Gate):
    """A gate that either queue asks, and that hears of what is active in both."""

    def __init__(self, gate: Gate, configs: Callable[[], Mapping[str, MergeConfig]]):
        self._gate, self._configs = gate, configs

    def begin(self, run: str, config: MergeConfig, active: Mapping[str, MergeConfig]) -> None:
        self._gate.begin(run, config, {**self._configs(), **active})

    def change(self) -> None:
        self._gate.change()


class JoinedQueue:
    """Merges of one runs folder, here or on a cluster: a run is of the queue that it was given to last.

    `here` and `connect` make the two queues with the gate that they are to ask, `connect` when the cluster is first
    used; None where there is none. What reaches for the cluster raises InputError where that cannot be had.
    """

    def __init__(
        self, here: Callable[[Gate], Queue], connect: Callable[[Gate], Queue] | None = None, gate: Gate | None = None
    ):
        self._gate = _GateOfBoth(gate or Gate(), self.configs)
        self._here, self._connect = here(self._gate), connect
        self._cluster: Queue | None = None
        self._connecting = threading.Lock()
        self._asking = threading.RLock()  # one queue at a time asks the gate, which looks into the other
        self._given: dict[str, Queue] = {}  # to which queue, by run

    @property
    def out(self) -> Path:
        """The runs folder."""
        return self._here.out

    @property
    def discarded(self) -> set[str]:
        """Runs that were ended for good, or are about to be."""
        return {run for queue in self._queues() for run in queue.discarded}

    @property
    def has_cluster(self) -> bool:
        """Whether there is a cluster to choose."""
        return self._connect is not None

    def submit(self, config: MergeConfig, on_cluster: bool = False) -> str:
        """Queues a merge and returns its run id."""
        queue = self._queue(on_cluster)
        with self._asking:
            run = queue.submit(config)
            self._given[run] = queue
        return run

    def why_not(self, config: MergeConfig) -> InputError | None:
        """Why `submit` would refuse a merge now, in either queue; None where it would not."""
        with self._asking:
            return self._here.why_not(config)

    def resume(self, run: str, on_cluster: bool = False) -> None:
        """Queues the rest of a merge; nothing happens if it is queued or running in either queue."""
        queue = self._queue(on_cluster)
        with self._asking:
            if run not in dict(self.active()):
                queue.resume(run)
                self._given[run] = queue

    def stop(self, run: str) -> None:
        """Removes or stops a merge wherever it is; resumable afterwards."""
        self._of(run).stop(run)

    def discard(self, run: str) -> None:
        """Ends a merge for good wherever it is."""
        self._of(run).discard(run)

    def delete(self, run: str) -> None:
        """Deletes the run's folder; raises InputError while the run is queued or running in either queue."""
        self._of(run).delete(run)

    def snapshot(self, run: str) -> RunView | None:
        """The job as it is now, None if neither queue has it."""
        return self._of(run).snapshot(run)

    def last_done(self) -> str | None:
        """The run that was finished last on this computer, whose pace says nothing of a cluster's runs."""
        return self._here.last_done()

    def active(self) -> tuple[tuple[str, str], ...]:
        """(run, status) of everything that runs, then of what waits."""
        every = [pair for queue in self._queues() for pair in queue.active()]
        return tuple(sorted(every, key=lambda pair: pair[1] != "running"))

    def configs(self) -> dict[str, MergeConfig]:
        """The configurations of what is active, by run."""
        return {run: config for queue in self._queues() for run, config in queue.configs().items()}

    def has_room(self, device: str) -> bool:
        """Whether a merge on that device of this computer would begin at once."""
        return self._here.has_room(device)

    def find_again(self) -> None:
        """Look, in a thread of its own, for what went on on the cluster while this process was not there."""

        def look() -> None:
            try:
                self._queue(on_cluster=True)
            except InputError as error:
                log.warning("%s", error)

        if self.has_cluster:
            threading.Thread(target=look, name="cluster", daemon=True).start()

    def close(self) -> None:
        """Closes both queues as each does."""
        for queue in self._queues():
            queue.close()

    def _of(self, run: str) -> Queue:
        queues = self._queues()
        known = [queue for queue in queues if run in dict(queue.active())] + [self._given.get(run)]
        known += [queue for queue in queues if queue.snapshot(run)]
        return next((queue for queue in known if queue), self._here)

    def _queues(self) -> list[Queue]:
        return [self._here, *([self._cluster] if self._cluster else [])]

    def _queue(self, on_cluster: bool) -> Queue:
        if not on_cluster:
            return self._here
        if self._connect is None:
            raise InputError("a merge on a cluster needs one: start the program with its address in OTMF_RAY")
        with self._connecting:
            self._cluster = self._cluster or self._connect(self._gate)
            return self._cluster


_joined: dict[Path, JoinedQueue] = {}
_joined_lock = threading.Lock()


def joined_queue(out: Path, address: str, rest: Callable[[], float], gate: Gate) -> JoinedQueue:
    """The one of this process for a runs folder, as whoever asks first says: the `address` of its cluster, empty where
    there is none; `rest` and `gate` as in JobQueue.
    """
    key = out.resolve()

    def connect(own: Gate) -> Queue:
        from otmf_core.jobs.ray import RayQueue

        queue = RayQueue(key, address, gate=own)
        atexit.register(queue.close)
        return queue

    with _joined_lock:
        if key not in _joined:
            _joined[key] = JoinedQueue(lambda own: job_queue(key, rest, own), connect if address else None, gate)
            if (key / MARK).is_file():
                _joined[key].find_again()
        return _joined[key]
