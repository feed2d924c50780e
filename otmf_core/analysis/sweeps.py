"""A sweep over one setting of a merge: which of its runs are there, which go on, which are missing; Pareto fronts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from otmf_core.config import MergeConfig

DIGITS = 6  # to which two values are the same
BETTER = ("done", "running", "queued")  # what counts where several runs have the same value; resumable ones come last


class SweepRun(NamedTuple):
    """A run as a sweep sees it: its id, its status and its configuration."""

    run: str
    status: str
    config: MergeConfig


@dataclass(frozen=True)
class SweepStatus:
    """The state of a sweep: run ids by value, done, under way and to resume; and the values that are still missing."""

    done: Mapping[float, str]
    active: Mapping[float, str]
    resume: Mapping[float, str]
    missing: tuple[float, ...]


def value_of(config: MergeConfig) -> float:
    """The value of the setting that a sweep of this merge's method varies (`Method.swept`)."""
    setting = config.method.swept()
    assert setting is not None
    return round(getattr(config.method, setting.name), DIGITS)


def at(config: MergeConfig, value: float) -> MergeConfig:
    """The same merge with another value of the swept setting; raises InputError where that is out of its range."""
    setting = config.method.swept()
    assert setting is not None
    return config.with_settings(**{setting.name: value})


def same_sweep(one: MergeConfig, other: MergeConfig) -> bool:
    """Whether two merges can differ in their result by the swept setting only (not by when they are saved, say)."""
    if one.method.name != other.method.name or one.method.swept() is None:
        return False
    return _neutral(one) == _neutral(other)


def _neutral(config: MergeConfig) -> MergeConfig:
    """The same merge without what a sweep does not tell apart."""
    setting = config.method.swept()
    assert setting is not None
    neutral = {"checkpoint_seconds": 0.0, "method": config.method.model_copy(update={setting.name: 0.0})}
    if config.heads == "none":
        neutral |= {"head_fraction": 1.0, "head_lr": 1.0}
    return config.model_copy(update=neutral)


def by_hand(config: MergeConfig) -> MergeConfig:
    """The same merge where the swept setting has an effect: one whose value a rule finds does not vary with it."""
    setting = config.method.swept()
    if setting is None or setting.shown.given is None or setting.applies(config.method.settings()):
        return config
    rule, (first, *_) = setting.shown.given
    return config.with_settings(**{rule: first})


def by_rule(config: MergeConfig, runs: Iterable[SweepRun]) -> dict[str, SweepRun]:
    """The run of each rule that finds the swept value by itself, else as the sweep around `config`; none without rules.

    Among several of a rule the one that `members` would take.
    """
    setting = config.method.swept()
    if setting is None or setting.shown.given is None:
        return {}
    rule, by_value = setting.shown.given
    rules = [value for value in config.method.described()[rule].values if value not in by_value]
    found = {value: members(config.with_settings(**{rule: value}), runs) for value in rules}
    return {value: next(iter(runs_of.values())) for value, runs_of in found.items() if runs_of}


def members(config: MergeConfig, runs: Iterable[SweepRun]) -> dict[float, SweepRun]:
    """The runs of the sweep around `config` by value, ascending.

    A done one counts if there is one, else one under way, else any; among several of the same kind the first.
    """
    by_value: dict[float, SweepRun] = {}
    for run in sorted(runs, key=lambda run: BETTER.index(run.status) if run.status in BETTER else len(BETTER)):
        if same_sweep(config, run.config):
            by_value.setdefault(value_of(run.config), run)
    return dict(sorted(by_value.items()))


def sweep_status(config: MergeConfig, values: Iterable[float], runs: Iterable[SweepRun]) -> SweepStatus:
    """The state of a sweep of `config` over `values`, given the `runs` that there are (newest first)."""
    grid = sorted({round(value, DIGITS) for value in values})
    present = {value: run for value, run in members(config, runs).items() if value in grid}
    done = {value: run.run for value, run in present.items() if run.status == "done"}
    active = {value: run.run for value, run in present.items() if run.status in ("running", "queued")}
    resume = {value: run.run for value, run in present.items() if value not in done and value not in active}
    return SweepStatus(done, active, resume, tuple(value for value in grid if value not in present))


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points no other dominates: none is at least as high in both coordinates and higher in one."""
    front = [False] * len(points)
    highest = float("-inf")  # second coordinate of every point to the right so far
    order = sorted(range(len(points)), key=lambda index: points[index], reverse=True)
    for index in order:
        if points[index][1] > highest:
            highest = points[index][1]
            front[index] = True
        else:  # only an equal of a point of the front is on it too
            front[index] = any(front[other] and points[other] == points[index] for other in order)
    return front
