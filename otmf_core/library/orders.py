"""The orders in which a suite's tasks are merged."""

from __future__ import annotations

import random
from collections.abc import Sequence

from otmf_core.errors import InputError
from otmf_core.library.library import Library


def order(library: Library, suite: int | str, seed: int | None = None) -> list[str]:
    """A suite's tasks in canonical order, or in the field's shuffled one: random.seed(s); random.shuffle(tasks)."""
    tasks = library.suites.get(str(suite))
    if tasks is None:
        suites = ", ".join(library.suites) or "none"
        raise InputError(f"a suite is one of {library.name}'s ({suites}), received {suite!r}")
    return shuffled(tasks, seed)


def shuffled(tasks: Sequence[str], seed: int | None) -> list[str]:
    """Tasks given in canonical order, as they are (None) or in the field's order of that seed."""
    tasks = list(tasks)
    if seed is not None:
        random.Random(seed).shuffle(tasks)
    return tasks
