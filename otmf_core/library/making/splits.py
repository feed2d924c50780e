"""The three disjoint splits of a task, drawn by seed from a data set: calibration, labelled, test."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from otmf_core.errors import InputError
from otmf_core.library.examples import Split

TEST, TRAIN = ("test", "validation", "valid", "val"), ("train",)  # names of splits, the first that is there
HELD_OUT = 0.2  # of the pictures of a data set without splits, for the test


class Dataset(Protocol):
    """A data set of pictures or of texts: the examples of its splits, by their names on disk."""

    @property
    def where(self) -> Path: ...

    @property
    def splits(self) -> Mapping[str, Sequence[Any]]: ...


@dataclass(frozen=True)
class Drawn:
    """The examples of each split, and the words that tell where they come from."""

    splits: Mapping[Split, Sequence[Any]]
    train_source: str
    test_source: str


@dataclass(frozen=True)
class Sizes:
    """The most pictures that each split is given, 0 for all that there are; calibration images are always drawn."""

    calibration: int = 256
    labelled: int = 2048
    test: int = 0


def draw(dataset: Dataset, sizes: Sizes, seed: int, transductive: bool = False) -> Drawn:
    """Draw a task's splits; with `transductive` calibration images come from the test split, and are named so.

    Raises InputError when the data set has too few pictures, or none to train or to test with.
    """
    test_name, train_name = _first(dataset, TEST), _first(dataset, TRAIN)
    names = ", ".join(dataset.splits) or "none"
    if test_name is None or (train_name is None and not transductive):
        if len(dataset.splits) != 1 or test_name is not None:
            raise InputError(
                f"a data set has splits {TRAIN[0]} and {TEST[0]} (or {', '.join(TEST[1:])}), or a single one that is "
                f"divided: found {names} in {dataset.where}"
            )
        (name,) = dataset.splits
        test, train = _divided(dataset.splits[name], seed)
        test_source = f"{name}, {HELD_OUT:.0%} held out by seed {seed}"
        train_source = f"{name}, the rest"
    else:
        test, test_source = dataset.splits[test_name], test_name
        train, train_source = (dataset.splits[train_name], train_name) if train_name else ((), "none")
    pool, drawn_from = (test, test_source) if transductive else (train, train_source)
    chosen = random.Random(f"{seed} calibration").sample(range(len(pool)), len(pool))
    most = len(pool) if transductive else -(-len(pool) // 2)  # half of few pictures stay for heads
    calibration = sorted(chosen[: min(sizes.calibration, most)])
    rest = range(len(train)) if transductive else sorted(chosen[len(calibration) :])
    labelled = _some(rest, sizes.labelled, f"{seed} labelled")
    tested = _some(range(len(test)), sizes.test, f"{seed} test")
    splits: dict[Split, Sequence[Any]] = {
        "calibration": [pool[row] for row in calibration],
        "labelled": [train[row] for row in labelled],
        "test": [test[row] for row in tested],
    }
    for split in ("calibration", "test"):
        if not splits[split]:
            raise InputError(f"a {split} set needs examples: there are none of {drawn_from} in {dataset.where}")
    trained = f"{test_source}, labelled examples from {train_source}" if transductive else train_source
    return Drawn(splits, f"{dataset.where.name}: {trained}", f"{dataset.where.name}: {test_source}")


def _first(dataset: Dataset, names: Sequence[str]) -> str | None:
    return next((name for name in names if dataset.splits.get(name)), None)


def _divided(pictures: Sequence[Any], seed: int) -> tuple[Sequence[Any], Sequence[Any]]:
    order = random.Random(f"{seed} held out").sample(range(len(pictures)), len(pictures))
    held = max(1, round(HELD_OUT * len(pictures)))
    return [pictures[row] for row in sorted(order[:held])], [pictures[row] for row in sorted(order[held:])]


def _some(rows: Sequence[int], most: int, seed: str) -> Sequence[int]:
    """At most so many of them (0: all), drawn by seed, in their order."""
    if not most or len(rows) <= most:
        return rows
    return sorted(random.Random(seed).sample(list(rows), most))
