"""CLIP's tensors by transformers' names: q, k and v apart, projections as linear layers have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)")
IN_BLOCK = {
    "ln_1": "layer_norm1",
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
IMAGE, TEXT = "vision_model.", "text_model."  # prefixed, as every version of transformers reads them
OF_IMAGES = {
    "class_embedding": f"{IMAGE}embeddings.class_embedding",
    "conv1.weight": f"{IMAGE}embeddings.patch_embedding.weight",
    "positional_embedding": f"{IMAGE}embeddings.position_embedding.weight",
    "ln_pre.weight": f"{IMAGE}pre_layrnorm.weight",  # sic
    "ln_pre.bias": f"{IMAGE}pre_layrnorm.bias",
    "ln_post.weight": f"{IMAGE}post_layernorm.weight",
    "ln_post.bias": f"{IMAGE}post_layernorm.bias",
    "proj": "visual_projection.weight",
}
OF_TEXTS = {
    "token_embedding.weight": f"{TEXT}embeddings.token_embedding.weight",
    "positional_embedding": f"{TEXT}embeddings.position_embedding.weight",
    "ln_final.weight": f"{TEXT}final_layer_norm.weight",
    "ln_final.bias": f"{TEXT}final_layer_norm.bias",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
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
        elif part == "attn.in_proj":
            for letter, value in zip("qkv", tensor.chunk(3), strict=True):
                yield f"{prefix}encoder.layers.{layer}.self_attn.{letter}_proj.{leaf}", value.clone()
        elif part in IN_BLOCK:
            yield f"{prefix}encoder.layers.{layer}.{IN_BLOCK[part]}.{leaf}", tensor.clone()
        else:
            raise InputError(f"transformers' CLIP is a plain ViT: it has no place for the tensor {shown(name)}")
