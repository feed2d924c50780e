"""A run on a node of a Ray cluster: carried out in its folder, told to its keeper, and brought back where it has to be.

The runs folder is there already where the node sees the disk of whoever asked; that is told by a file in it. Elsewhere
the run is made in a folder of the node and goes back whole, after every save. Orders and endings are plain values, so
that a node with another version of the program can read them and say so.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypedDict

from otmf_core import __version__, layout
from otmf_core.cache import cache_folder
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import mark
from otmf_core.jobs.shared_folder import has_mark
from otmf_core.library.library import open_library
from otmf_core.runs.archive import import_run, write_zip
from otmf_core.runs.events import Arrived, Event, Iterated
from otmf_core.runs.folder import load_run
from otmf_core.runs.lock import HeldError, owner, take_over
from otmf_core.runs.machine import host

TELL_SECONDS = 0.2  # between two messages to the keeper
CLAIM_SECONDS = 60.0  # within which the process of a worker that was lost is gone, too


class Order(TypedDict):
    """A run as it is asked for: `begun` where it has a folder, `again` where a worker that had it was lost."""

    version: str
    engine: str  # the module that merges
    run: str
    config: dict[str, Any]
    library: str  # SHA-256 of its manifest
    out: str
    mark: str  # which no other folder has; empty: never merge there
    threads: int
    begun: bool
    again: bool


class Ending(TypedDict):
    """How a run ended on a node; `wanted` where that lacks the folder, `held` where another process has the run."""

    status: Literal["done", "stopped", "failed", "wanted", "held"]
    message: str


def carry(order: Order, saved: Sequence[Any], keeper: Any, attempt: int) -> Ending:
    """Carry out a run and return how it ended; `saved` has the reference of its folder's zip, or nothing."""
    if order["version"] != __version__:
        message = f"a cluster has one version of this program: {host()} has {__version__}, here is {order['version']}"
        return Ending(status="failed", message=message)
    out, shared = _out(order)
    telling = _Telling(order, keeper, attempt, None if shared else out / order["run"])
    try:
        if not shared:
            if order["begun"] and not saved and not (out / order["run"]).is_dir():
                return Ending(status="wanted", message="")
            _unpack(out, order["run"], saved)
        try:
            return _merged(order, out, telling)
        finally:
            telling.close()
            if not shared:
                shutil.rmtree(out / order["run"], ignore_errors=True)
    except InputError as error:
        return Ending(status="failed", message=str(error))


def _merged(order: Order, out: Path, telling: _Telling) -> Ending:
    """The merge itself, begun or gone on with in its folder."""
    path = out / order["run"]
    _use_threads(order["threads"])
    hooks = {"emit": telling, "should_stop": telling.should_stop}
    try:
        engine: Any = import_module(order["engine"])
        config = MergeConfig.parse(order["config"])
        _check_library(config, order["library"])
        if not path.is_dir():
            engine.run_merge(config, out, run_id=order["run"], **hooks)
        elif load_run(path).status != "done":  # it may have ended without having told
            _wait_for_claim(path, order["again"])
            engine.resume_merge(path, **hooks)
    except (Interrupted, KeyboardInterrupt):
        return Ending(status="stopped", message="")
    except HeldError as error:
        return Ending(status="failed" if order["again"] else "held", message=str(error))
    except InputError as error:
        return Ending(status="failed", message=str(error))
    except Exception as error:
        return Ending(status="failed", message=f"{type(error).__name__}: {error}")
    return Ending(status="done", message="")


def _out(order: Order) -> tuple[Path, bool]:
    """The folder that the run's is in, and whether it is the runs folder itself."""
    out = Path(order["out"])
    if order["mark"] and has_mark(out, order["mark"]):
        return out, True
    return cache_folder() / "cluster" / (order["mark"] or "any"), False


def _unpack(out: Path, run: str, saved: Sequence[Any]) -> None:
    """Put the run's folder where it goes on, as it was saved last; one that was left here is what there is else."""
    if not saved:
        return
    import ray

    content: bytes = ray.get(saved[0])
    shutil.rmtree(out / run, ignore_errors=True)
    import_run(io.BytesIO(content), out, whole=True)


def _use_threads(count: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(count)  # for torch where it is loaded later, and for processes that are started
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)


def _check_library(config: MergeConfig, manifest: str) -> None:
    """Refuse a node whose library is missing, or another one than that of whoever asked."""
    try:
        found = open_library(config.library).manifest_hash
    except InputError as error:
        raise InputError(f"every node of a cluster has the library: on {host()}, {error}") from None
    if manifest and found != manifest:
        raise InputError(f"every node of a cluster has the same library: {config.library} of {host()} is another one")


def _wait_for_claim(path: Path, again: bool) -> None:
    """After a worker was lost, wait until its process is gone, and take its claim; the keeper knows that it is."""
    until = time.monotonic() + CLAIM_SECONDS
    while again and (holder := owner(path)) is not None and time.monotonic() < until:
        if not holder.sure:
            take_over(path)
            return
        time.sleep(0.2)


class _Telling:
    """Tells the keeper what a run does, a few messages a second, and asks whether it shall stop.

    `folder` is brought back after every save; None where it is in its place.
    """

    def __init__(self, order: Order, keeper: Any, attempt: int, folder: Path | None) -> None:
        self._keeper, self._run, self._attempt, self._folder = keeper, order["run"], attempt, folder
        self._events: list[Event] = []
        self._said, self._stop = 0.0, False
        self._answer: Any = None
        self._saves: Any = None
        self._send()

    def __call__(self, event: Event) -> None:
        self._events.append(event)
        if isinstance(event, Arrived | Iterated):  # what was saved before it is whole
            self._bring()
        self._tell()

    def should_stop(self) -> bool:
        """Whether the run shall stop, as far as the keeper has answered."""
        self._tell()
        return self._stop

    def close(self) -> None:
        """Tell what is left, and bring the folder as it is."""
        import ray

        self._bring(last=True)
        ray.wait([self._answer])
        self._send()
        ray.get(self._answer)

    def _tell(self) -> None:
        import ray
        from ray.exceptions import RayError

        if time.monotonic() - self._said < TELL_SECONDS:
            return
        if not ray.wait([self._answer], timeout=0)[0]:
            return
        try:
            self._stop = bool(ray.get(self._answer)) or self._stop
        except RayError:  # nobody keeps this run any more: it can be gone on with
            self._stop = True
        self._send()

    def _send(self) -> None:
        events, self._events = self._events, []
        self._answer = self._keeper.told.remote(self._run, self._attempt, events)
        self._said = time.monotonic()

    def _bring(self, last: bool = False) -> None:
        """Send the folder to the keeper where it holds more than was sent."""
        if self._folder is None or not self._folder.is_dir():
            return
        saves = mark(self._folder / layout.STATE), mark(self._folder / layout.WITHIN)
        if not last and (saves == self._saves or saves == (None, None)):
            return
        import ray

        file = io.BytesIO()
        write_zip(self._folder, file, whole=True)
        ray.get(self._keeper.keep.remote(self._run, self._attempt, file.getvalue()))
        self._saves = saves
