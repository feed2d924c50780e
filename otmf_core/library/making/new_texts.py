"""What a new library takes of a pre-trained T5: its weights, and the tokenizer and settings that lie beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.library.importers.t5 import CONFIG, T5Checkpoint
from otmf_core.library.texts import open_tokenizer
from otmf_core.models.checkpoints import check_finite, check_matches
from otmf_core.models.t5_config import t5_fields
from otmf_core.models.t5_names import HEAD

if TYPE_CHECKING:
    from torch import Tensor

TOKENIZER = "tokenizer.json"
# What goes with the model when it is exported, as far as it is there.
BESIDE = (
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "spiece.model", "generation_config.json"
)  # fmt: skip


def files_beside(checkpoint: T5Checkpoint) -> dict[str, Path]:
    """The tokenizer and what else is taken along, by name in the library; raises InputError unless the ids fit."""
    folder = checkpoint.files[0].parent
    if not (folder / TOKENIZER).is_file():
        raise InputError(f"a pre-trained T5 comes with its {TOKENIZER}: there is none in {folder}")
    open_tokenizer(folder / TOKENIZER, t5_fields(checkpoint.settings(), str(folder / CONFIG)))
    return {f"backbone/{name}": folder / name for name in (TOKENIZER, *BESIDE) if (folder / name).is_file()}


def t5_entry(beside: Mapping[str, Path]) -> dict[str, Any]:
    """What a manifest says of them."""
    tokenizer, *others = beside
    return {"kind": "t5", "tokenizer": tokenizer, "beside": tuple(others)}


def whole_t5(checkpoint: T5Checkpoint) -> dict[str, Tensor]:
    """All weights as stored, lm_head where it is not the embedding; raises InputError unless they fit config.json."""
    import torch

    from otmf_core.models.t5 import build_t5

    weights = {name: checkpoint.read(name).contiguous() for name in checkpoint.header}
    if checkpoint.tied:
        weights.pop(HEAD, None)
    check_finite(weights, checkpoint.where)
    fields = t5_fields(checkpoint.settings(), str(checkpoint.files[-1]))
    drawn = build_t5(fields, HEAD in weights, torch.device("meta"))
    check_matches(weights, dict(drawn.named_parameters()), checkpoint.where)
    return weights
