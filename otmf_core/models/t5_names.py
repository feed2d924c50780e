"""The names of a T5's tensors, as checkpoints of transformers have them."""

from __future__ import annotations

import re

SHARED, HEAD = "shared.weight", "lm_head.weight"
# Copies of the embedding in old files, and a tensor that very old ones have and no version reads.
ALIASES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
UNREAD = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"

ATTENTION = r"(?:SelfAttention|EncDecAttention)\.(?:[qkvo]|relative_attention_bias)"
IN_LAYER = rf"(?:{ATTENTION}|DenseReluDense\.(?:wi|wi_0|wi_1|wo)|layer_norm)"
BLOCK = re.compile(rf"(encoder|decoder)\.block\.(0|[1-9]\d{{0,3}})\.layer\.([012])\.({IN_LAYER})\.weight")
NAME = re.compile(rf"shared\.weight|lm_head\.weight|(?:en|de)coder\.final_layer_norm\.weight|{BLOCK.pattern}")


def is_t5(names: list[str]) -> bool:
    """Whether these names are those of a T5."""
    return any(BLOCK.fullmatch(name) for name in names)
