"""The keeper of runs on a Ray cluster: an actor that outlives whoever asked for them.

It has every run carried out by a task, once more where a worker or its node was lost, and remembers what runs tell
until whoever asked has heard of their end. It holds runs that are brought back as zips in the cluster's object store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from otmf_core.jobs.carrier import Ending, Order, carry
from otmf_core.runs.events import Event

LOST = 3  # workers in a row that are lost at the same place, before a run is given up
IDLE_SECONDS = 600.0  # without runs or readers, after which the keeper goes
CHECK_SECONDS = 5.0


class Told(TypedDict):
    """What there is of a run: its order, the events behind those known, seconds under way, saves so far, its ending.

    `seconds` is None until it is under way, `ending` until it has ended.
    """

    order: Order
    events: list[Event]
    count: int
    seconds: float | None
    saves: int
    ending: Ending | None


@dataclass
class _Job:
    order: Order
    needs: Mapping[str, float]
    place: str
    saved: tuple[Any, ...] = ()  # the reference of its zip
    saves: int = 0
    events: list[Event] = field(default_factory=list)
    furthest: tuple[int, int] = (0, 0)  # step and iteration
    attempt: int = 0
    lost: int = 0
    began: float | None = None
    heard_of: bool = False  # since it was carried out last
    stopping: bool = False
    task: Any = None
    ending: Ending | None = None


class Keeper:
    """The actor; every method is one message. Runs are told apart by their ids."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._looked = time.monotonic()
        self._background: set[asyncio.Task] = set()

    async def take(self, place: str, order: Order, needs: Mapping[str, float], saved: bytes | None) -> None:
        """Have a run carried out for `place`, whoever asks there; one that is under way goes on as it does."""
        self._start(self._watch, once=True)
        job = self._jobs.get(order["run"])
        if job is not None and job.ending is None:
            return
        job = self._jobs[order["run"]] = _Job(order, needs, place)
        if saved is not None:
            import ray

            job.saved = (ray.put(saved),)
        self._start(self._carry, job)

    async def told(self, run: str, attempt: int, events: list[Event]) -> bool:
        """Hear of a run; returns whether it shall stop."""
        job = self._jobs.get(run)
        if job is None or job.attempt != attempt:
            return True  # of a worker that was believed lost
        job.began, job.heard_of = job.began or time.monotonic(), True
        job.events += events
        job.furthest = max(job.furthest, *((getattr(e, "step", 0), getattr(e, "iteration", 0)) for e in events), (0, 0))
        return job.stopping

    async def keep(self, run: str, attempt: int, content: bytes) -> None:
        """Keep the run's folder as it is now."""
        import ray

        job = self._jobs.get(run)
        if job is not None and job.attempt == attempt:
            job.saved, job.saves = (ray.put(content),), job.saves + 1

    async def look(self, place: str, known: Mapping[str, int], stopping: Collection[str]) -> dict[str, Told]:
        """All runs of a place, each with the events behind the first so many that are known.

        Those of `stopping` stop within an iteration, or before they begin.
        """
        self._looked = time.monotonic()
        for run in stopping:
            self._stop(run)
        return {run: self._told(job, known.get(run, 0)) for run, job in self._jobs.items() if job.place == place}

    async def saved(self, run: str) -> bytes | None:
        """The run's folder as it was kept last, None where none was."""
        job = self._jobs.get(run)
        return await job.saved[0] if job and job.saved else None

    async def forget(self, run: str) -> None:
        """Forget a run that has ended: whoever asked for it has all of it."""
        if run in self._jobs and self._jobs[run].ending is not None:
            del self._jobs[run]

    def _stop(self, run: str) -> None:
        job = self._jobs.get(run)
        if job is None or job.ending is not None:
            return
        job.stopping = True
        if not job.heard_of and job.task is not None:
            import ray

            ray.cancel(job.task)

    def _told(self, job: _Job, known: int) -> Told:
        return Told(
            order=job.order,
            events=job.events[known:],
            count=len(job.events),
            seconds=None if job.began is None else time.monotonic() - job.began,
            saves=job.saves,
            ending=job.ending,
        )

    async def _carry(self, job: _Job) -> None:
        """Have a run carried out until it ends by itself or has lost too many workers."""
        import ray
        from ray import exceptions

        task = ray.remote(carry)
        me = ray.get_runtime_context().current_actor
        while job.ending is None:
            job.attempt, job.heard_of, before = job.attempt + 1, False, job.furthest
            options = {"max_retries": 0, "name": job.order["run"], **job.needs}
            job.task = task.options(**options).remote(job.order, job.saved, me, job.attempt)
            try:
                job.ending = await job.task
            except exceptions.TaskCancelledError:
                job.ending = Ending(status="stopped", message="")
            except (exceptions.RayTaskError, exceptions.TaskUnschedulableError) as error:
                job.ending = Ending(status="failed", message=_reason(error))
            except exceptions.RayError as error:
                job.lost = 1 if job.furthest > before else job.lost + 1
                job.order = {**job.order, "again": True}
                if job.stopping:
                    job.ending = Ending(status="stopped", message="")
                elif job.lost >= LOST:
                    job.ending = Ending(status="failed", message=f"{LOST} workers in a row were lost: {_reason(error)}")

    async def _watch(self) -> None:
        """Go once there is nothing to keep and nobody looks."""
        import ray

        while self._jobs or time.monotonic() - self._looked < IDLE_SECONDS:
            await asyncio.sleep(CHECK_SECONDS)
        ray.kill(ray.get_runtime_context().current_actor)

    def _start(self, work: Any, *arguments: Any, once: bool = False) -> None:
        if once and self._background:
            return
        task = asyncio.get_running_loop().create_task(work(*arguments))
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _reason(error: Exception) -> str:
    """The last line of an error of Ray's, whose first ones are where it was raised."""
    if "No module named 'otmf_core" in str(error):
        return "every node of a cluster has this program: on one, otmf_core is missing or of another version"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
