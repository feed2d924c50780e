"""What a merge may not ask of texts, told from its configuration and its tasks' answers; loads no torch."""

from __future__ import annotations

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.library.texts import verbalizers


def check_texts(config: MergeConfig, library: Library) -> None:
    """Raise InputError where a merge asks of a library of texts what they have not."""
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
            answers = verbalizers(library.task(task), library.tokenizer, config.scoring)
            if answers.alike:
                raise InputError(answers.alike)
