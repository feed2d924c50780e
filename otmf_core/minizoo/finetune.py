"""Fine-tune the image tower on one task, from the pre-trained weights, with the zero-shot text head frozen."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otmf_core.files import write_tensors
from otmf_core.minizoo.augment import TASK, coloured
from otmf_core.minizoo.pretrain import learning_rate, to_model
from otmf_core.minizoo.recipe import Recipe, fingerprint, generator, watch
from otmf_core.minizoo.tasks import Task
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.clip import build_encoder
from otmf_core.models.heads import Head


def balanced(labels: Tensor) -> Tensor:
    """Weights (n,) that give every class the same chance to be drawn."""
    return 1 / torch.bincount(labels)[labels].float()


def task_vector(
    task: Task, config: dict, base: dict[str, Tensor], head: Head, recipe: Recipe, seed: int, work: Path
) -> dict[str, Tensor]:
    """Δᵗ = θᵗ − θ⁰ in half precision, keyed as the image tower; made once from the same inputs and kept in `work`."""
    settings = {key: value for key, value in vars(recipe).items() if key.startswith("finetune")}
    weights = [base[name].numpy() for name in sorted(base)]
    bank = (task.train.images, task.train.labels)
    stage = fingerprint(
        settings, vars(TASK), seed, task.id, task.kind, head.scale, head.weight.numpy(), *weights, *bank
    )
    stored = work / f"{task.id}-{stage}.safetensors"
    if not stored.is_file():
        tuned = _finetune(task, config, base, head, recipe, generator(seed, "finetune", task.id))
        write_tensors(stored, {name: (tuned[name] - base[name]).half() for name in base})
    return read_tensors(stored)


def _finetune(
    task: Task, config: dict, base: dict[str, Tensor], head: Head, recipe: Recipe, rng: torch.Generator
) -> dict[str, Tensor]:
    encoder: nn.Module = build_encoder(config).train()
    encoder.load_state_dict(base)
    images, labels = torch.from_numpy(task.train.images), torch.from_numpy(task.train.labels).long()
    weights = balanced(labels)
    steps = recipe.finetune_images // recipe.finetune_batch
    optimiser = torch.optim.AdamW(encoder.parameters(), weight_decay=0.0)
    for step in watch(range(steps), f"Fine-tuning on {task.name}"):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, recipe.finetune_rate)
        chosen = torch.multinomial(weights, recipe.finetune_batch, replacement=True, generator=rng)
        pictures = to_model(coloured(task.kind, images[chosen], rng, TASK), config)
        loss = F.cross_entropy(head.logits(encoder(pictures)), labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
    return {name: value.detach() for name, value in encoder.state_dict().items()}
