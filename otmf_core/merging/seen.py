"""What a method sees of the tasks so far: calibration examples and their experts' features, as far as they are kept."""

from __future__ import annotations

from torch import Tensor

from otmf_core.config import MergeConfig
from otmf_core.library.library import Library
from otmf_core.methods.context import Calibration
from otmf_core.models.base import Tower
from otmf_core.models.inputs import Inputs


class Seen:
    """Examples by task, decoded once, and their features under their expert; nothing stays that no later step sees."""

    def __init__(self, config: MergeConfig, library: Library, tower: Tower) -> None:
        self.tasks, self.method, self.seed = config.tasks, config.method, config.seed
        self.library, self.tower = library, tower
        self.inputs: dict[str, Inputs] = {}
        self.views: dict[str, Inputs] = {}
        self.teachers: dict[str, Tensor] = {}

    def calibration(self, t: int) -> list[Calibration]:
        """The calibration examples of step t: those of tasks t−1 and t, the first ones kept of each earlier one.

        The tower holds θᵗ, so that the incoming expert's features are taken here, once. The others were taken when
        their expert arrived, and are there as far as they were kept.
        """
        calibration: list[Calibration] = []
        for number, task in enumerate(self.tasks[:t], start=1):
            first = self.method.kept_examples if number < t - 1 else None
            if first == 0:
                calibration.append(Calibration())
                continue
            inputs = self._views(number, first)
            if number == t:
                self.teachers[task] = self.tower.features(inputs, task)
            calibration.append(Calibration(inputs, self.teachers.get(task)))
        return calibration

    def forget(self, t: int) -> None:
        """Keep what step t+1 may see: the examples that are kept, if any are, and their features."""
        kept = self.method.kept_examples
        if not kept:
            self.teachers = {}
            last = self.tasks[t - 1]
            self.inputs, self.views = (
                {task: found for task, found in held.items() if task == last} for held in (self.inputs, self.views)
            )
        for task in self.tasks[: t - 1]:
            if task in self.teachers:
                self.teachers[task] = self.teachers[task][: kept * self.method.example_views]
            if task in self.inputs and len(self.inputs[task]) > kept:
                self.inputs[task] = self.tower.join([self.inputs[task][:kept]])  # a copy, so that the rest can go
                self.views.pop(task, None)

    def _views(self, number: int, first: int | None) -> Inputs:
        """The views of the first examples of the task of that number, the same at every step."""
        task, count = self.tasks[number - 1], self.method.example_views
        if task not in self.views:
            inputs = self._examples(task)[:first]
            self.views[task] = self.tower.views(inputs, count, (self.seed, number)) if count > 1 else inputs
        return self.views[task]

    def _examples(self, task: str) -> Inputs:
        if task not in self.inputs:
            first = self.method.calibration_examples
            self.inputs[task] = self.library.examples(task, "calibration", first=first).inputs
        return self.inputs[task]
