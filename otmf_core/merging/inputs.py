"""The inputs of a merge, opened and checked before it begins: its library and its network at θ⁰."""

from __future__ import annotations

from dataclasses import dataclass

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library, open_library
from otmf_core.models.base import Tower
from otmf_core.models.checkpoints import parameters
from otmf_core.models.device import resolve, return_freed_memory


@dataclass(frozen=True)
class MergeInputs:
    """The library of a merge and its network on the merge's device."""

    library: Library
    tower: Tower


def open_inputs(config: MergeConfig) -> MergeInputs:
    """Open what `config` names; raises InputError for anything wrong with it that headers, labels and heads tell.

    Of a task vector nothing but its header is read; its hash and its values are checked when its turn comes.
    """
    device = resolve(config.device)
    library = open_library(config.library)
    for task in config.tasks:
        library.task(task)
    for task in config.tasks:
        library.check_task(task, config.splits)
    for task in config.held_out(task.id for task in library.tasks):
        library.check_task(task, ("test",))
    if library.of_texts:
        _check_texts(config, library)
    return_freed_memory(parameters(library.tower_header))
    return MergeInputs(library, library.tower(device, config.text_features, config.text_precision))


def _check_texts(config: MergeConfig, library: Library) -> None:
    """Raise InputError where a merge asks of texts what they have not."""
    method = config.method
    if config.heads != "none":
        raise InputError(f"heads are tuned of images: {library.name} is of texts, whose answers are rows of lm_head")
    if method.grows:
        raise InputError(
            f"{method.title} routes by the mean of tokens, padding included, which is not defined for texts: merge by "
            f"{method.single} for its static form"
        )
    if method.reads_answers:
        if config.text_features != "decoder":
            raise InputError(
                "class probabilities of texts are the decoder's: text_features is decoder for a method or a space that "
                f"reads answers, received {config.text_features} with {method.name}"
            )
        for task in config.tasks:
            answers = library.head(task).verbalizers
            if answers is not None and answers.alike:
                raise InputError(answers.alike)
