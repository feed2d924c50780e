"""The inputs of a merge, opened and checked before it begins: its library and its network at θ⁰."""

from __future__ import annotations

from dataclasses import dataclass

from otmf_core.config import MergeConfig
from otmf_core.library.library import Library, open_library
from otmf_core.merging.of_texts import check_texts
from otmf_core.models.base import Tower
from otmf_core.models.checkpoints import parameters
from otmf_core.models.device import resolve, return_freed_memory, use


@dataclass(frozen=True)
class MergeInputs:
    """The library of a merge and its network on the merge's device."""

    library: Library
    tower: Tower


def open_inputs(config: MergeConfig, device: str = "") -> MergeInputs:
    """Open what `config` names; raises InputError for anything wrong with it that headers, labels and heads tell.

    The network is put on `device`, where one is chosen for it, and on what `config` says otherwise.
    Of a task vector nothing but its header is read; its hash and its values are checked when its turn comes.
    """
    place = resolve(device or config.device)
    use(place)
    library = open_library(config.library)
    for task in config.tasks:
        library.task(task)
    for task in config.tasks:
        library.check_task(task, config.splits)
    for task in config.held_out(task.id for task in library.tasks):
        library.check_task(task, ("test",))
    if library.of_texts:
        check_texts(config, library)
    return_freed_memory(parameters(library.tower_header))
    return MergeInputs(library, library.tower(place, config.text_features, config.text_precision))
