"""The size of a library's work: parameters, pictures and examples, read from headers, without torch."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from otmf_core.config import MergeConfig
from otmf_core.library.examples import KEPT_BYTES, Split
from otmf_core.library.library import Library
from otmf_core.models.checkpoints import parameters
from otmf_core.models.clip_config import image_size


@dataclass(frozen=True)
class Sizes:
    """A model's parameters, bytes of a picture as uint8, and how many examples each task has, by split."""

    parameters: int
    picture: int
    test: tuple[int, ...]
    calibration: tuple[int, ...]
    labelled: tuple[int, ...]
    held_out: int = 0  # test examples of tasks that are evaluated and not merged
    beside: int = 0  # parameters that the method adds to the model's

    def streamed(self, count: int) -> bool:
        """Whether a test or labelled split of so many images is decoded whenever it is read, and never kept."""
        return self.picture * count > KEPT_BYTES


def sizes(library: Library, config: MergeConfig) -> Sizes:
    """The sizes of a merge's tasks, 0 examples in the splits it does not read; raises InputError on a missing file."""

    def counts(split: Split) -> tuple[int, ...]:
        return tuple(library.count(task, split) if split in config.splits else 0 for task in config.tasks)

    shapes = {name: shape for name, (_, shape) in library.tower_header.items()}
    height, width = (0, 0) if library.of_texts else image_size(library.backbone_config)  # texts are always kept
    count = parameters(library.tower_header)
    most = sys.maxsize if config.method.calibration_examples is None else config.method.calibration_examples
    return Sizes(
        count,
        3 * height * width,
        counts("test"),
        tuple(min(count, most) for count in counts("calibration")),
        counts("labelled"),
        sum(library.count(task, "test") for task in config.held_out(task.id for task in library.tasks)),
        config.method.parameters_beside(shapes, len(config.tasks)),
    )
