"""A sweep over α for one merge: which of its runs are there, which go on, which are missing; and its Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from otmf_core.config import MergeConfig

DIGITS = 6  # to which two values of α are the same
BETTER = ("done", "running", "queued")  # what counts where several runs have the same α; resumable ones come last


class Known(NamedTuple):
    """A run as a sweep sees it: its id, its status and its configuration."""

    run: str
    status: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """Where a sweep stands: run ids by α for runs that are done, under way and to resume; and the α still missing."""

    done: Mapping[float, str]
    active: Mapping[float, str]
    resume: Mapping[float, str]
    submit: tuple[float, ...]


def at(config: MergeConfig, alpha: float) -> MergeConfig:
    """The same merge with another α; raises InputError where that is not in 0…1."""
    return MergeConfig.parse({**config.model_dump(), "alpha": alpha})


def same_sweep(one: MergeConfig, other: MergeConfig) -> bool:
    """Whether two OTMF merges can differ in their result by α only (not by λ, say, or by when they are saved)."""
    neutral = {"alpha": 0.0, "scaling": 0.0, "checkpoint_seconds": 0.0}
    if one.heads == "none":
        neutral |= {"head_fraction": 1.0, "head_lr": 1.0}
    return one.method == "otmf" and one.model_copy(update=neutral) == other.model_copy(update=neutral)


def members(config: MergeConfig, runs: Iterable[Known]) -> dict[float, Known]:
    """The runs of the sweep around `config` by α, ascending: a done one if there is one, else one under way, else any.

    Among several of the same kind the first counts. Raises InputError on a configuration this version does not know.
    """
    found: dict[float, Known] = {}
    for run in sorted(runs, key=lambda run: BETTER.index(run.status) if run.status in BETTER else len(BETTER)):
        own = MergeConfig.parse(dict(run.config))
        if same_sweep(config, own):
            found.setdefault(round(own.alpha, DIGITS), run)
    return dict(sorted(found.items()))


def plan(config: MergeConfig, alphas: Iterable[float], runs: Iterable[Known]) -> Plan:
    """What is left to do for a sweep of `config` over `alphas`, given the `runs` that there are (newest first)."""
    grid = sorted({round(alpha, DIGITS) for alpha in alphas})
    there = {alpha: run for alpha, run in members(config, runs).items() if alpha in grid}
    done = {alpha: run.run for alpha, run in there.items() if run.status == "done"}
    active = {alpha: run.run for alpha, run in there.items() if run.status in ("running", "queued")}
    resume = {alpha: run.run for alpha, run in there.items() if alpha not in done and alpha not in active}
    return Plan(done, active, resume, tuple(alpha for alpha in grid if alpha not in there))


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points no other dominates: none is at least as high in both coordinates and higher in one."""
    front = [False] * len(points)
    highest = float("-inf")  # second coordinate of every point to the right so far
    order = sorted(range(len(points)), key=lambda place: points[place], reverse=True)
    for place in order:
        if points[place][1] > highest:
            highest = points[place][1]
            front[place] = True
        else:  # only an equal of a point of the front is on it too
            front[place] = any(front[other] and points[other] == points[place] for other in order)
    return front
