"""Tiny T5s of transformers, their folders as the hubs lay them out, and a tokenizer of words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from otmf_core.models.t5_config import T5Fields, t5_fields

if TYPE_CHECKING:
    from otmf_core.models.task_vector import StateDict

WORDS = (
    "is", "it", "good", "bad", "yes", "no", "the", "a", "film", "plot", "cat", "dog", "sat", "ran", "fine",
    "not", "very", ",", ".", "?", "'", ":", "of", "same", "these", "two", "first", "second", "third", "one",
    "really", "and", "but", "or", "with", "without", "0", "1", "2", "3", "4", "5",
)  # fmt: skip
SPECIAL = ("<pad>", "</s>", "<unk>")
VOCABULARY = 64
CONFIG: dict[str, Any] = {
    "architectures": ["T5ForConditionalGeneration"],
    "model_type": "t5",
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 32,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 2,
    "relative_attention_num_buckets": 8,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "is_encoder_decoder": True,
    "dropout_rate": 0.1,
}


def fields(**changes: Any) -> T5Fields:
    return t5_fields({**CONFIG, **changes}, "here")


def weights(seed: int = 0, tied: bool = False, **changes: Any) -> StateDict:
    """Weights large enough for features of the order of one; of the names that a checkpoint has."""
    from otmf_core.models.t5 import build_t5

    drawn = build_t5(fields(**changes), not tied, torch.device("meta"))
    random = torch.Generator().manual_seed(seed)
    found = {}
    for name, tensor in drawn.named_parameters():
        noise = torch.randn(tensor.shape, generator=random)
        found[name] = 1 + 0.1 * noise if "norm" in name else 0.3 * noise
    return found


def tuned(base: StateDict, seed: int, size: float = 0.05) -> StateDict:
    """Weights near these, as fine-tuning would leave them."""
    random = torch.Generator().manual_seed(seed)
    return {name: tensor + size * torch.randn(tensor.shape, generator=random) for name, tensor in base.items()}


def write_tokenizer(folder: Path) -> None:
    """A tokenizer.json of WORDS, which ends every text as T5's does."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens([*SPECIAL])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    fields = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(fields))


def write_folder(folder: Path, state: StateDict, tokenizer: bool = False, **changes: Any) -> Path:
    """A folder as a hub has it: config.json, model.safetensors and, of a pre-trained model, the tokenizer."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    save_file(
        {name: tensor.contiguous() for name, tensor in state.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    if tokenizer:
        write_tokenizer(folder)
        (folder / "generation_config.json").write_text(json.dumps({"decoder_start_token_id": 0, "eos_token_id": 1}))
    return folder
