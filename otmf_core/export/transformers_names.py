"""CLIP's tensors by transformers' names: q, k and v apart, projections as linear layers have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.models.clip_names import (
    IMAGE_PROJECTION,
    IN_IMAGE,
    IN_LAYER,
    IN_PROJECTION,
    IN_TEXT,
    STACKED,
    TEXT_PROJECTION,
)
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)")
IN_BLOCK = {ours: theirs for theirs, ours in IN_LAYER.items()}
IMAGE, TEXT = "vision_model.", "text_model."  # prefixed, as every version of transformers reads them
OF_IMAGES = {ours: IMAGE + theirs for theirs, ours in IN_IMAGE.items()} | {"proj": IMAGE_PROJECTION}
OF_TEXTS = {ours: TEXT + theirs for theirs, ours in IN_TEXT.items()}
OF_TEXTS |= {"text_projection": TEXT_PROJECTION, "logit_scale": "logit_scale"}
TRANSPOSED = ("proj", "text_projection")  # (d, p) in open_clip


def image_tensors(tower: Mapping[str, Tensor]) -> StateDict:
    """An image tower of open_clip's names ("visual." taken off), or its task vector, by those of transformers.

    Values are contiguous and share no memory. Raises InputError on a tensor that transformers' CLIP does not have.
    """
    return dict(_renamed(tower, OF_IMAGES, IMAGE))


def text_tensors(model: Mapping[str, Tensor]) -> StateDict:
    """A CLIP without its image tower, likewise: the text tower and the logit scale."""
    return dict(_renamed(model, OF_TEXTS, TEXT))


def _renamed(tensors: Mapping[str, Tensor], outside: dict[str, str], prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in tensors.items():
        block = BLOCK.fullmatch(name)
        layer, part, leaf = block.groups() if block else ("", "", "")
        if name in outside:
            value = tensor.T if name in TRANSPOSED else tensor.reshape(()) if name == "logit_scale" else tensor
            yield outside[name], value.contiguous().clone()
        elif part == IN_PROJECTION:
            for module, value in zip(STACKED, tensor.chunk(3), strict=True):
                yield f"{prefix}encoder.layers.{layer}.{module}.{leaf}", value.clone()
        elif part in IN_BLOCK:
            yield f"{prefix}encoder.layers.{layer}.{IN_BLOCK[part]}.{leaf}", tensor.clone()
        else:
            raise InputError(f"transformers' CLIP is a plain ViT: it has no place for the tensor {shown(name)}")
