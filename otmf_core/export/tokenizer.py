"""CLIP's own tokenizer as transformers reads it, made of the vocabulary and merges that open_clip brings along."""

from __future__ import annotations

from typing import Any

START, END = "<|startoftext|>", "<|endoftext|>"  # open_clip has other words for the same ids
SPLIT = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def is_clips_own(text_cfg: dict[str, Any]) -> bool:
    """Whether a backbone's texts are tokenised by CLIP's own vocabulary, whole."""
    from open_clip.tokenizer import SimpleTokenizer

    return not text_cfg.get("tokenizer_kwargs") and text_cfg.get("vocab_size", 49_408) == SimpleTokenizer().vocab_size


def tokenizer_files(context_length: int) -> dict[str, dict[str, Any]]:
    """tokenizer.json and tokenizer_config.json, by their names."""
    from open_clip.tokenizer import SimpleTokenizer

    full = SimpleTokenizer()
    special = {START: full.sot_token_id, END: full.eot_token_id}
    words = {word: number for word, number in full.encoder.items() if number not in special.values()}
    alone = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": word, **alone} for word, number in special.items()],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Removed", "invert": True},
                BYTES,
            ],
        },
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": [END, special[END]],
            "cls": [START, special[START]],
            "trim_offsets": False,
            "add_prefix_space": False,
        },
        "decoder": {**BYTES, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": END,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "</w>",
            "fuse_unk": False,
            "vocab": {**words, **special},
            "merges": [" ".join(pair) for pair in full.bpe_ranks],
        },
    }
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": context_length,
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
    }
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": config}
