"""Accuracy on test examples, of images and of texts: the only place that reads a test split."""

from __future__ import annotations

from collections.abc import Callable

from otmf_core.library.examples import Examples
from otmf_core.library.library import Library
from otmf_core.models.base import Tower
from otmf_core.models.heads import Head

_unmerged: dict[tuple[str, ...], float] = {}


def once(measure: Callable[[], float], *of: str) -> float:
    """What `measure` says of a model that no merge changes, told from others by `of`; measured once in a process."""
    if of not in _unmerged:
        _unmerged[of] = measure()
    return _unmerged[of]


class Evaluator:
    """Test accuracy of towers, each task with its own head."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._tests: dict[str, Examples] = {}

    def test(self, task_id: str) -> Examples:
        """A task's test examples, read once."""
        if task_id not in self._tests:
            self._tests[task_id] = self._library.examples(task_id, "test")
        return self._tests[task_id]

    def accuracy(self, task_id: str, head: Head, tower: Tower) -> float:
        """Top-1 accuracy in percent, or Spearman's ρ of a task whose answers are numbers, of the tower as it is now."""
        examples = self.test(task_id)
        return head.measured(tower.answers(examples.inputs, head, task_id), examples.labels)
