"""Accuracy on test examples: the only place that reads a test split."""

from __future__ import annotations

from otmf_core.library.examples import Examples
from otmf_core.library.library import Library
from otmf_core.models.base import Tower
from otmf_core.models.heads import Head


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
        """Top-1 accuracy in percent, of the tower as it is now."""
        examples = self.test(task_id)
        return head.accuracy(tower.features(examples.inputs, task_id), examples.labels)
