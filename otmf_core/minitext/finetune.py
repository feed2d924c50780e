"""Fine-tune all of the pre-trained T5 on one task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from otmf_core.files import write_tensors
from otmf_core.minitext.encode import encode
from otmf_core.minitext.items import TextTask
from otmf_core.minitext.model import build_t5, parameters
from otmf_core.minitext.recipe import Recipe
from otmf_core.minitext.train import Batch, train
from otmf_core.minizoo.recipe import fingerprint, generator, watch
from otmf_core.models.checkpoints import read_tensors


def task_vector(
    task: TextTask,
    config: dict[str, Any],
    base: dict[str, Tensor],
    tokenizer: Tokenizer,
    recipe: Recipe,
    seed: int,
    work: Path,
) -> dict[str, Tensor]:
    """Δᵗ = θᵗ − θ⁰ in half precision by tensor; made once from the same inputs and kept in `work`."""
    settings = {key: value for key, value in vars(recipe).items() if key.startswith("finetune") or key == "length"}
    weights = [base[name].numpy() for name in sorted(base)]
    inputs = (task.id, task.prompt, task.answers, task.rows["train"], tokenizer.to_str())
    stored = work / f"{task.id}-{fingerprint(settings, config, seed, *inputs, *weights)}.safetensors"
    if not stored.is_file():
        model = build_t5(config)
        model.load_state_dict(base, strict=False)
        rows = encode(tokenizer, task, task.rows["train"], recipe.length)
        rng = generator(seed, "finetune", task.id)

        def batch() -> Batch:
            return rows.batch(torch.randint(len(rows.labels), (recipe.finetune_batch,), generator=rng))

        steps = watch(range(recipe.finetune_steps), f"Fine-tuning on {task.name}")
        train(model, batch, steps, recipe.finetune_steps, recipe.finetune_rate)
        tuned = parameters(model)
        write_tensors(stored, {name: (tuned[name].detach() - value.float()).half() for name, value in base.items()})
    return read_tensors(stored)
