"""The places of tensors in a network: layer, kind, and how rows or columns split into attention heads.

Reads the names of open_clip's own ViT, of timm towers, ours among them, and of transformers' T5; any other name keeps a
place by its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from otmf_core.models import t5_names

STEM, BLOCKS, OTHER, HEAD = range(4)

# The columns of a map, in the order in which a forward pass meets them.
KINDS = (
    "patch.weight", "patch.bias", "conv.weight", "norm.weight", "norm.bias", "class", "position", "tokens", "distance",
    "norm1.weight", "norm1.bias", "qkv.weight", "qkv.bias", "q.weight", "k.weight", "v.weight", "proj.weight",
    "proj.bias", "ls1", "cross_norm.weight", "cross_q.weight", "cross_k.weight", "cross_v.weight", "cross_proj.weight",
    "norm2.weight", "norm2.bias", "fc1.weight", "fc1.bias", "gate.weight", "fc2.weight", "fc2.bias", "ls2",
    "last_norm.weight", "out.weight", "out.bias",
)  # fmt: skip

# Inside a block: what open_clip calls it → what timm, and this program, call it.
IN_BLOCK = {
    "ln_1": "norm1", "ln_2": "norm2", "attn.in_proj": "qkv", "attn.qkv": "qkv", "attn.out_proj": "proj",
    "attn.proj": "proj", "mlp.c_fc": "fc1", "mlp.fc1": "fc1", "mlp.c_proj": "fc2", "mlp.fc2": "fc2",
    "norm1": "norm1", "norm2": "norm2",
}  # fmt: skip
OUTSIDE = {
    "conv1.weight": (STEM, "patch.weight"), "class_embedding": (STEM, "class"), "cls_token": (STEM, "class"),
    "positional_embedding": (STEM, "position"), "pos_embed": (STEM, "position"), "proj": (HEAD, "out.weight"),
    "patch_embed.proj.weight": (STEM, "patch.weight"), "patch_embed.proj.bias": (STEM, "patch.bias"),
    "head.proj.weight": (HEAD, "out.weight"), "head.proj.bias": (HEAD, "out.bias"),
    "head.weight": (HEAD, "out.weight"), "head.bias": (HEAD, "out.bias"),
}  # fmt: skip
NORMS = {"ln_pre": STEM, "norm_pre": STEM, "ln_post": HEAD, "norm": HEAD, "fc_norm": HEAD}
BLOCK = re.compile(r"(?:transformer\.resblocks|blocks)\.(\d+)\.(.+)")
OUR_STEM = re.compile(r"patch_embed\.layers\.(\d+)\.(weight|bias)")

# Inside a layer of a T5's block, and outside its blocks: transformers' names → ours. wi_0 is behind the activation and
# wi_1 gates it; relative_attention_bias is a table of distances, no linear map.
IN_T5 = {
    "SelfAttention.q": "q.weight", "SelfAttention.k": "k.weight", "SelfAttention.v": "v.weight",
    "SelfAttention.o": "proj.weight", "SelfAttention.relative_attention_bias": "distance",
    "EncDecAttention.q": "cross_q.weight", "EncDecAttention.k": "cross_k.weight", "EncDecAttention.v": "cross_v.weight",
    "EncDecAttention.o": "cross_proj.weight", "DenseReluDense.wi": "fc1.weight", "DenseReluDense.wi_0": "fc1.weight",
    "DenseReluDense.wi_1": "gate.weight", "DenseReluDense.wo": "fc2.weight",
}  # fmt: skip
T5_NORMS = {"encoder": ("norm1", "norm2", ""), "decoder": ("norm1", "cross_norm", "norm2")}  # of each layer in a block
T5_OUTSIDE = {
    "shared.weight": ("Stem", "tokens", (STEM, -1)),
    "encoder.final_layer_norm.weight": ("Encoder", "last_norm.weight", (BLOCKS, 999_999)),
    "decoder.final_layer_norm.weight": ("Head", "last_norm.weight", (HEAD, -1)),
    "lm_head.weight": ("Head", "out.weight", (HEAD, -1)),
}  # fmt: skip
DECODER = 1_000_000  # what the numbers of a decoder's blocks come after, in the order of layers

# Heads of the towers whose config does not state them; a test holds them against the models themselves.
TIMM_ATTENTION_HEADS = {"otmf_convstem_vit": 4}
HEAD_WIDTH = 64  # open_clip's default


@dataclass(frozen=True)
class TensorPlace:
    """A cell of the layer × kind map. `order` sorts layers as the network runs."""

    layer: str
    kind: str
    order: tuple[int, int]


def locate(names: Iterable[str]) -> dict[str, TensorPlace]:
    """The place of every tensor; no two share a cell."""
    places: dict[str, TensorPlace] = {}
    cells: set[tuple[str, str]] = set()
    for name in names:
        place = _place(name)
        if (place.layer, place.kind) in cells:
            place = _fallback(name)
        cells.add((place.layer, place.kind))
        places[name] = place
    return places


def layers(places: Iterable[TensorPlace]) -> list[str]:
    """The layers of a map from input to output; those of unknown names stay in the order met."""
    return list(dict.fromkeys(place.layer for place in sorted(places, key=lambda place: place.order)))


def kinds(places: Iterable[TensorPlace]) -> list[str]:
    """The columns of a map: known kinds in the network's order, then the others in the order met."""
    present = list(dict.fromkeys(place.kind for place in places))
    return [kind for kind in KINDS if kind in present] + [kind for kind in present if kind not in KINDS]


def attention_heads(backbone: Mapping[str, Any]) -> int | None:
    """The number of attention heads of a backbone config's network, or None where it does not say."""
    if backbone.get("model_type") == "t5":
        return backbone.get("num_heads", 8)
    vision = backbone.get("model_cfg", backbone).get("vision_cfg", {})
    if "timm_model_name" in vision:
        return TIMM_ATTENTION_HEADS.get(vision["timm_model_name"])
    width = vision.get("width")
    return width // vision.get("head_width", HEAD_WIDTH) if isinstance(width, int) else None


def _place(name: str) -> TensorPlace:
    if found := _in_t5(name):
        return found
    short = name.removeprefix("visual.").removeprefix("trunk.")
    if inside := BLOCK.fullmatch(short):
        number, rest = int(inside[1]), inside[2]
        if kind := _in_block(rest):
            return TensorPlace(f"Block {number}", kind, (BLOCKS, number))
    if ours := OUR_STEM.fullmatch(short):  # convolution, norm, activation, three times
        number = int(ours[1])
        return TensorPlace(f"Stem {number // 3}", f"{'norm' if number % 3 else 'conv'}.{ours[2]}", (STEM, number // 3))
    if short in OUTSIDE:
        part, kind = OUTSIDE[short]
        return TensorPlace("Stem" if part == STEM else "Head", kind, (part, -1))
    module, _, leaf = short.rpartition(".")
    if module in NORMS and leaf in ("weight", "bias"):
        return TensorPlace("Stem" if NORMS[module] == STEM else "Head", f"norm.{leaf}", (NORMS[module], -1))
    return _fallback(name)


def _in_t5(name: str) -> TensorPlace | None:
    if name in T5_OUTSIDE:
        return TensorPlace(*T5_OUTSIDE[name])
    block = t5_names.BLOCK.fullmatch(name)
    if block is None:
        return None
    stack, number, layer, part = block[1], int(block[2]), int(block[3]), block[4]
    kind = f"{T5_NORMS[stack][layer]}.weight" if part == "layer_norm" else IN_T5[part]
    return TensorPlace(f"{stack.title()} {number}", kind, (BLOCKS, number + (DECODER if stack == "decoder" else 0)))


def _in_block(rest: str) -> str | None:
    if layer_scale := re.fullmatch(r"(?:ls_?([12]))\.gamma", rest):
        return f"ls{layer_scale[1]}"
    match = re.fullmatch(r"(.+?)[._](weight|bias)", rest)
    return f"{IN_BLOCK[match[1]]}.{match[2]}" if match and match[1] in IN_BLOCK else None


def _fallback(name: str) -> TensorPlace:
    """Up to the last number of a name, its layer; the rest, its kind. Together they are the name."""
    parts = name.split(".")
    numbers = [index for index, part in enumerate(parts[:-1]) if part.isdigit()]
    cut = numbers[-1] + 1 if numbers else len(parts) - 1
    return TensorPlace(".".join(parts[:cut]) or "Other", ".".join(parts[cut:]), (OTHER, 0))
