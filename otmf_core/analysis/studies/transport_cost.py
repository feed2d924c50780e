"""What transport costs as clouds grow: exact, Sinkhorn, sliced, and Sinkhorn on mini-batches. No merges."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import psutil

from otmf_core.analysis.comparison import Row
from otmf_core.analysis.studies.base import Found, MeasuredRow, Study
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.runs.folder import Run
from otmf_core.runs.state import Seconds, Text, Whole

NAMES = ("exact", "sinkhorn", "sliced", "mini-batch")
WIDTHS = (512, 768)
SIZES = (16, 64, 256, 1024, 2048, 4096, 8192, 10_000)  # all of them whole numbers of mini-batches
LIMIT_SECONDS = 60.0
LIMIT_BYTES = 8 << 30
SHARE = 0.7  # of the memory that is free, beyond which no point goes
POLL_SECONDS = 0.02


class Point(MeasuredRow):
    """A loss between two clouds of n points in d dimensions: its cost, or the limit at which it was stopped."""

    loss: Text
    d: Whole
    n: Whole
    seconds: Seconds | None = None  # forward and backward
    memory_bytes: Whole | None = None  # peak resident above what was before
    stopped: Literal["time", "memory"] | None = None
    limit_seconds: Seconds
    limit_bytes: Whole


def measure_point(loss: str, d: int, n: int, limit_seconds: float, limit_bytes: int) -> Point:
    """One point, measured in a process of its own, which is ended at a limit; raises InputError where it fails."""
    command = [sys.executable, "-m", "otmf_core.analysis.studies.transport_point", loss, str(d), str(n)]
    limits = {"limit_seconds": limit_seconds, "limit_bytes": limit_bytes}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stderr is not None
        try:
            resident = child.stdout.readline()
            stopped = _watch(child, limit_seconds, int(resident) + limit_bytes) if resident else None
            if stopped:
                return Point(loss=loss, d=d, n=n, stopped=stopped, **limits)
        finally:
            child.kill()
        figures, trouble = child.communicate()
    if child.returncode == 0:
        return Point(loss=loss, d=d, n=n, **json.loads(figures), **limits)
    if resident and (child.returncode < 0 or "memory" in trouble):  # the system's own limit came first
        return Point(loss=loss, d=d, n=n, stopped="memory", **limits)
    last = trouble.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
    raise InputError(f"a point of transport must be measured: {loss} of {n} points ended with {last[0][:200]}")


def points(
    losses: Sequence[str], widths: Sequence[int], sizes: Sequence[int], limits: tuple[float, int]
) -> Iterator[Point]:
    """Every loss at every width, size after size until one no longer fits; sizes ascend."""
    for loss in losses:
        for d in widths:
            for n in sizes:
                point = measure_point(loss, d, n, *limits)
                yield point
                if point.stopped:
                    break


def _watch(child: subprocess.Popen[str], seconds: float, most: int) -> Literal["time", "memory"] | None:
    """Wait for a process; the limit that it broke, None where it ended by itself."""
    began, process = time.monotonic(), psutil.Process(child.pid)
    while child.poll() is None:
        if time.monotonic() - began > seconds:
            return "time"
        try:
            if process.memory_info().rss > most:
                return "memory"
        except psutil.NoSuchProcess:
            break
        time.sleep(POLL_SECONDS)
    child.wait()
    return None


def _measure(library: Library, runs: Sequence[Run], report: Callable[[str], None]) -> list[Point]:
    limits = LIMIT_SECONDS, min(LIMIT_BYTES, int(SHARE * psutil.virtual_memory().available))
    measured = []
    for point in points(NAMES, WIDTHS, SIZES, limits):
        report(f"{point.loss}, d = {point.d}, n = {point.n:,}: {_cost(point)}")
        measured.append(point)
    return measured


def _cost(point: Point) -> str:
    if point.seconds is None or point.memory_bytes is None:
        return f"stopped by {point.stopped}"
    return f"{point.seconds:.3g} s, {point.memory_bytes / 2**20:,.0f} MiB"


def _found(runs: Sequence[Run], measured: Sequence[Point]) -> Found:
    rows = [_row(point) for point in measured]
    limits = [{"limit_seconds": p.limit_seconds, "limit_mib": p.limit_bytes / 2**20} for p in measured]
    return Found(rows, _finding(measured), [{**row, **limit} for row, limit in zip(rows, limits, strict=True)])


def _row(point: Point) -> Row:
    return {
        "name": point.loss,
        "d": point.d,
        "points": point.n,
        "seconds": point.seconds,
        "memory_mib": None if point.memory_bytes is None else point.memory_bytes / 2**20,
        "stopped": point.stopped,
    }


def _finding(measured: Sequence[Point]) -> str:
    if not measured:
        return "Nothing was measured."
    widest = max(point.d for point in measured)
    parts = []
    for loss in dict.fromkeys(point.loss for point in measured):
        own = [point for point in measured if (point.loss, point.d) == (loss, widest)]
        fits = max((point for point in own if point.seconds is not None), key=lambda point: point.n, default=None)
        if fits is None:
            parts.append(f"{loss} fits at no n")
            continue
        end = next((f", then stops by {point.stopped}" for point in own if point.stopped), "")
        parts.append(f"{loss} fits to n = {fits.n:,} ({_cost(fits)}){end}")
    limit = measured[0]
    allowed = f"{limit.limit_seconds:g} s and {limit.limit_bytes / 2**30:.1f} GiB"
    return f"At d = {widest}, within {allowed}: {'; '.join(parts)}."


TRANSPORT = Study(
    name="transport",
    title="Cost of transport",
    question="Up to which number of points does each kind of transport fit, and what does it take?",
    found=_found,
    measured=Point,
    measure=_measure,
)
