"""What a study is: a question, the merges or the measurements that answer it, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from pydantic import BaseModel, ConfigDict

from otmf_core.analysis.comparison import Row, metric
from otmf_core.analysis.matched import Matched
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.runs.folder import Run

Orders = Sequence[tuple[str, ...]]
Shared = Mapping[str, Any]  # settings of all merges of a grid


class MeasuredRow(BaseModel):
    """A row of what a study measures beside its merges; a study has a subclass with its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Found:
    """What a study found: rows of its table, one sentence computed from them, and the points of its chart."""

    rows: list[Row]
    finding: str
    points: list[Row]


@dataclass(frozen=True)
class Study:
    """A question and the way to its answer.

    `suite` and `configs` are of its merges, None and none where it has none. `measure` finds what is not in the runs'
    records, from the library and the run folders, and tells how it goes on; its rows are of the type `measured`.
    """

    name: str
    title: str
    question: str
    found: Callable[[Sequence[Run], Sequence[Any]], Found]
    suite: str | None = None
    configs: Callable[[Orders, Shared], list[MergeConfig]] = lambda orders, shared: []
    label: Callable[[MergeConfig], str] = lambda config: config.method.title
    measured: type[MeasuredRow] | None = None
    measure: Callable[[Library, Sequence[Run], Callable[[str], None]], Sequence[MeasuredRow]] | None = None


def signed(value: float, digits: int = 1) -> str:
    """+1.2, −0.4 or +0.0, as sentences have it: a rounded zero is never negative."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def acc_of(runs: Sequence[Run]) -> list[float]:
    """ACC of finished runs, percent; raises InputError where one has none."""
    values = [metric(run, "acc") for run in runs]
    if not values or None in values:
        raise InputError("a study is of finished merges, each with its metrics: one has none")
    return [value for value in values if value is not None]


def acc_figures(group: Sequence[Run], held: Matched | None) -> Row:
    """The columns of a row of merges: labels, number, ACC and its deviation, and how they are `held` to others."""
    values, record = acc_of(group), group[0].record
    return {
        "labels": record.labels if record else None,
        "n": len(group),
        "acc": fmean(values),
        "acc_std": stdev(values) if len(values) > 1 else None,
        "difference": held and held.mean,
        "low": held and held.low,
        "high": held and held.high,
    }
