"""Tiny T5s of transformers, their folders as the hubs lay them out, and a tokenizer of words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from otmf_core.models.t5_config import T5Fields, t5_fields

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.models.task_vector import StateDict

WORDS = (
    "is", "it", "good", "bad", "yes", "no", "the", "a", "film", "plot", "cat", "dog", "sat", "ran", "fine",
    "not", "very", ",", ".", "?", "'", ":", "of", "same", "these", "two", "first", "second", "third", "one",
    "really", "and", "but", "or", "with", "without", "positive", "negative", "0", "1", "2", "3", "4", "5",
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


def tuned(base: Mapping[str, Tensor], seed: int, size: float = 0.05) -> StateDict:
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


def write_folder(folder: Path, state: Mapping[str, Tensor], tokenizer: bool = False, **changes: Any) -> Path:
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


MOOD = {"prompt": "is it good or bad ? {text}", "classes": ("bad", "good")}
SAME = {"prompt": "{first} : {second} . is the second of these the same ?", "classes": ("no", "yes", "not really")}
SCALE = {"prompt": "{first} , {second} ?", "classes": tuple("012345"), "metric": "spearman"}
PARTS: dict[str, Any] = {"mood": MOOD, "same": SAME, "scale": SCALE}
SENTENCE = (
    "a cat sat",
    "the film ran fine",
    "a dog and the cat",
    "very bad plot",
    "not good but fine",
    "one plot or two",
)


def write_data(folder: Path, task: str, count: int = 24) -> Path:
    """The texts of a task: Parquet of a hub's names with hidden tests, JSON lines, or one CSV."""
    import csv

    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"text": f"{SENTENCE[i % 6]} {WORDS[i % 36]}", "first": SENTENCE[i % 6], "second": SENTENCE[i * i % 5]}
        for i in range(count)
    ]
    if task == "mood":
        labelled = [{"text": row["text"], "label": i % 2} for i, row in enumerate(rows)]
        for split in ("train", "validation"):
            pq.write_table(pa.Table.from_pylist(labelled), folder / f"{split}-00000-of-00001.parquet")
        hidden = [{**row, "label": -1} for row in labelled]
        pq.write_table(pa.Table.from_pylist(hidden), folder / "test-00000-of-00001.parquet")
    elif task == "same":
        answers = SAME["classes"]
        for split in ("train", "test"):
            lines = [json.dumps({**row, "label": answers[i % 3]}) for i, row in enumerate(rows)]
            (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    else:
        with (folder / "all.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["first", "second", "score"])
            writer.writerows([row["first"], row["second"], i % 6 * 0.8] for i, row in enumerate(rows))
    return folder


def write_adapter(folder: Path, seed: int) -> Path:
    """A LoRA of rank 2 on q and v, as PEFT writes it."""
    from safetensors.torch import save_file

    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for stack, layers in (("encoder", {0: "SelfAttention"}), ("decoder", {0: "SelfAttention", 1: "EncDecAttention"})):
        for block in range(2):
            for layer, module in layers.items():
                for part in "qv":
                    name = f"base_model.model.{stack}.block.{block}.layer.{layer}.{module}.{part}"
                    tensors[f"{name}.lora_A.weight"] = 0.2 * torch.randn(2, 16, generator=random)
                    tensors[f"{name}.lora_B.weight"] = 0.2 * torch.randn(16, 2, generator=random)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    fields = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "tiny/base", "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(fields))
    return folder


def write_library(root: Path, sources: Path, tasks: tuple[str, ...] = tuple(PARTS), **changes: Any) -> Path:
    """A library of texts made of a hub's folders: of full models and, the last task, of a LoRA."""
    from otmf_core.library.making.add import NewTask, add_task
    from otmf_core.library.making.new import new_library

    base = weights(7, tied=changes.pop("tied", False), **changes)
    new_library(root, write_folder(sources / "base", base, tokenizer=True, **changes), base_model="tiny/base")
    for number, task in enumerate(tasks):
        if task == "scale":
            model = write_adapter(sources / task, number)
        else:
            model = write_folder(sources / task, tuned(base, number), **changes)
        data = write_data(sources / f"{task}-data", task)
        add_task(root, NewTask(name=task, checkpoint=model, data=data, **PARTS[task]))
    return root
