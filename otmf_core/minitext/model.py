"""The miniature T5: its configuration, and the likelihood of answers as its score."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration

EMBEDDED = 0.05  # standard deviation of fresh embeddings: AdamW, unlike Adafactor, would take long to move larger ones


def t5_config(size: int, width: int, inner: int, layers: tuple[int, int], heads: int) -> dict[str, Any]:
    """The settings of config.json for a vocabulary of `size` pieces and (encoder, decoder) `layers`.

    The output matrix is its own, as Flan-T5's is, so that what merging does with it can be tried here.
    """
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "vocab_size": size,
        "d_model": width,
        "d_kv": width // heads,
        "d_ff": inner,
        "num_layers": layers[0],
        "num_decoder_layers": layers[1],
        "num_heads": heads,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 64,
        "feed_forward_proj": "gated-gelu",
        "dropout_rate": 0.0,
        "layer_norm_epsilon": 1e-6,
        "tie_word_embeddings": False,
        "is_encoder_decoder": True,
        "use_cache": True,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }


def build_t5(settings: dict[str, Any], seed: int = 0) -> T5ForConditionalGeneration:
    """A fresh T5 whose output matrix is separate and unscaled in every version of transformers."""
    torch.manual_seed(seed)
    model = T5ForConditionalGeneration(T5Config(**{**settings, "scale_decoder_outputs": False}))
    head = nn.Linear(settings["d_model"], settings["vocab_size"], bias=False)
    nn.init.normal_(head.weight, std=settings["d_model"] ** -0.5)
    nn.init.normal_(model.shared.weight, std=EMBEDDED)
    model.lm_head = head
    return model


def parameters(model: T5ForConditionalGeneration) -> dict[str, Tensor]:
    """Named weights without aliases of the embedding."""
    return dict(model.named_parameters())


def first_logits(model: nn.Module, ids: Tensor) -> Tensor:
    """Logits (n, vocabulary) of the first piece of the answer, for padded prompts (n, length)."""
    start = torch.zeros(len(ids), 1, dtype=torch.long)
    return model(input_ids=ids, attention_mask=ids.ne(0).long(), decoder_input_ids=start).logits[:, 0]
