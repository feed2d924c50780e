"""Zero-shot heads: class names and templates, read by the pre-trained model's text tower."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from otmf_core.cache import cache_folder
from otmf_core.errors import InputError
from otmf_core.files import write_tensors
from otmf_core.models.checkpoints import read_header, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.library.library import Library

TEXT = "token_embedding.weight"  # what a whole CLIP has and an image tower alone has not


def has_text_tower(library: Library) -> bool:
    """Whether the pre-trained model can read class names, by its header."""
    return TEXT in read_header(library.backbone("weights"))


def zero_shot(
    library: Library, classes: Sequence[str], templates: Sequence[str], report: Callable[[float], None]
) -> tuple[Tensor, float]:
    """The zero-shot head: (classes, d) rows of norm one, and exp(logit_scale); kept in the user's cache by content.

    `report` hears the share done. Raises InputError where the pre-trained model has no text tower.
    """
    if not has_text_tower(library):
        raise InputError(
            f"a zero-shot head is made by a text tower, which {library.name} has not: give the task's head file"
        )
    name = library.backbone_file("weights")
    content = [library.manifest.files[name].sha256, library.backbone_config, list(classes), list(templates)]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode(errors="surrogatepass")).hexdigest()
    stored = cache_folder() / "heads" / f"{key}.safetensors"
    if stored.is_file():
        tensors = read_tensors(stored)
    else:
        tensors = _made(library, classes, templates, report)
        write_tensors(stored, tensors)
    return tensors["weight"], float(tensors["logit_scale"])


def _made(
    library: Library, classes: Sequence[str], templates: Sequence[str], report: Callable[[float], None]
) -> dict[str, Tensor]:
    import torch

    from otmf_core.models.clip import loaded_clip, tokenizer, zero_shot_head

    path = library.backbone("weights")
    weights = read_tensors(path)
    model = loaded_clip(library.backbone_config, weights, str(path))
    with torch.no_grad():
        head = zero_shot_head(model, tokenizer(library.backbone_config), classes, templates, report)
        scale = model.logit_scale.exp().reshape(()).clone()
    return {"weight": head.contiguous(), "logit_scale": scale}
