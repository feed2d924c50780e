"""Pre-train the miniature CLIP on captioned images: contrastive, with every pair of equal captions a positive."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otmf_core.minizoo.augment import SIZE, TINTED, coloured, plain
from otmf_core.minizoo.recipe import Recipe, fingerprint, generator, watch
from otmf_core.models.clip import build_clip, preprocess, tokenizer, vocabulary

Captioned = list[tuple[str, np.ndarray, list[str]]]  # kind, uint8 images, a caption for each
Draw = Callable[[str, Tensor, torch.Generator], Tensor]  # kind, uint8 images, randomness -> (n, 3, 32, 32)
Pools = dict[str, tuple[Tensor, Tensor, Tensor]]  # kind -> images, caption numbers, weights
WARM_UP = 0.05
STEPS_PER_CHECKPOINT = 200


def model_config(texts: list[str], recipe: Recipe) -> dict[str, Any]:
    """The open_clip config of the miniature: its text tower just large enough for the words and length of `texts`."""
    ids = vocabulary(texts)
    longest = int((open_clip.tokenize(texts).argmax(dim=1) + 1).max())
    return {
        "model_cfg": {
            "embed_dim": 128,
            "vision_cfg": {
                "image_size": SIZE, "timm_model_name": "otmf_convstem_vit", "timm_pool": "avg", "timm_proj": "linear",
            },
            "text_cfg": {
                "context_length": longest, "vocab_size": len(ids), "width": recipe.text_width, "heads": 2,
                "layers": recipe.text_layers, "tokenizer_kwargs": {"vocabulary": ids},
            },
        },
        "preprocess_cfg": {"size": [SIZE, SIZE], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    }  # fmt: skip


def learning_rate(step: int, steps: int, peak: float) -> float:
    """A linear warm-up over the first twentieth of the steps, then half a cosine down to zero."""
    warm = max(1, int(WARM_UP * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def to_model(pictures: Tensor, config: dict[str, Any]) -> Tensor:
    """Drawn batches, float (n, 3, 32, 32) in 0…1 -> normalised, through the same eight bits a stored image has."""
    return preprocess((pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1), config)


def contrastive_loss(images: Tensor, texts: Tensor, caption: Tensor, scale: Tensor) -> Tensor:
    """CLIP's loss on normalised images (n, d) and the batch's distinct texts (m, d); caption[i] is image i's text.

    Images of one caption share one text, so none of them is another's negative: an image chooses among m texts, and
    a text spreads its choice evenly over its own images (as in supervised contrastive learning, arXiv 2004.11362).
    """
    logits = scale * images @ texts.T  # (n, m)
    own = F.one_hot(caption, len(texts)).float()
    spread = own / own.sum(dim=0)
    by_text = -(spread * F.log_softmax(logits, dim=0)).sum(dim=0).mean()
    return (F.cross_entropy(logits, caption) + by_text) / 2


def draw_batch(pools: Pools, draw: Draw, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch of drawings (size, 3, 32, 32) and caption numbers (size,), drawn from all kinds by weight."""
    kinds = list(pools)
    totals = torch.tensor([float(pools[kind][2].sum()) for kind in kinds])
    counts = torch.bincount(torch.multinomial(totals, size, replacement=True, generator=rng), minlength=len(kinds))
    pictures, captions = [], []
    for kind, count in zip(kinds, counts.tolist(), strict=True):
        if count:
            images, numbers, weights = pools[kind]
            chosen = torch.multinomial(weights, count, replacement=True, generator=rng)
            pictures.append(draw(kind, images[chosen], rng))
            captions.append(numbers[chosen])
    return torch.cat(pictures), torch.cat(captions)


def _pools(captioned: Captioned, numbers: dict[str, int]) -> Pools:
    """All images by kind: an image weighs count(caption)^-½, so rare captions come more often."""
    counts = torch.bincount(torch.tensor([numbers[text] for _, _, texts in captioned for text in texts]))
    pools = {}
    for kind in sorted({kind for kind, _, _ in captioned}):
        images = torch.from_numpy(np.concatenate([images for k, images, _ in captioned if k == kind]))
        labels = torch.tensor([numbers[text] for k, _, texts in captioned if k == kind for text in texts])
        pools[kind] = (images, labels, counts[labels].float().rsqrt())
    return pools


@dataclass(frozen=True)
class Phase:
    """One run of the optimiser: how images are drawn, how many, the peak learning rate, and where it is kept."""

    name: str
    draw: Draw
    images: int
    rate: float
    checkpoint: Path


def pretrain(
    captioned: Captioned, texts: list[str], recipe: Recipe, seed: int, work: Path
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(config, half-precision state dict) of the pre-trained CLIP, whose vocabulary also knows `texts`.

    Two phases: plain drawings, then faintly tinted ones, so that colour as such is no surprise in the tasks.
    Checkpoints under `work` let a later call with the same inputs continue, to the same weights.
    """
    captions = sorted({text for _, _, texts_ in captioned for text in texts_})
    config = model_config(sorted({*captions, *texts}), recipe)
    settings = {key: value for key, value in vars(recipe).items() if key.startswith(("pretrain", "text"))}
    images = [images for _, images, _ in captioned]
    first = fingerprint(settings, seed, config, [[kind, texts_] for kind, _, texts_ in captioned], *images)
    second = fingerprint(first, recipe.tint_images, recipe.tint_rate, vars(TINTED))
    tinted = partial(coloured, domain=TINTED)
    phases = (
        Phase("pretrain", plain, recipe.pretrain_images, recipe.pretrain_rate, work / f"pretrain-{first}.pt"),
        Phase("tinted", tinted, recipe.tint_images, recipe.tint_rate, work / f"tint-{second}.pt"),
    )
    torch.manual_seed(seed)
    model = build_clip(config).train()
    pools = _pools(captioned, {text: number for number, text in enumerate(captions)})
    tokens = tokenizer(config)(captions)
    for phase in phases:
        _train(model, config, pools, tokens, phase, recipe, generator(seed, phase.name))
    return config, {key: value.half() for key, value in model.state_dict().items()}


def _train(
    model: open_clip.CLIP,
    config: dict,
    pools: Pools,
    tokens: Tensor,
    phase: Phase,
    recipe: Recipe,
    rng: torch.Generator,
) -> None:
    steps = phase.images // recipe.pretrain_batch
    decayed = [p for p in model.parameters() if p.ndim > 1]
    undecayed = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": recipe.pretrain_decay}, {"params": undecayed, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    start = _restore(phase.checkpoint, model, optimiser, rng)
    for step in watch(range(start, steps), f"Pre-training, {phase.name}"):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, phase.rate)
        pictures, caption = draw_batch(pools, phase.draw, recipe.pretrain_batch, rng)
        distinct, caption = caption.unique(return_inverse=True)
        images = model.encode_image(to_model(pictures, config), normalize=True)
        words = model.encode_text(tokens[distinct], normalize=True)
        loss = contrastive_loss(images, words, caption, model.logit_scale.exp())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        model.logit_scale.data.clamp_(max=math.log(100))  # CLIP's bound
        if (step + 1) % STEPS_PER_CHECKPOINT == 0 or step + 1 == steps:
            _save(phase.checkpoint, step + 1, model, optimiser, rng)


def _save(path: Path, step: int, model: nn.Module, optimiser: torch.optim.Optimizer, rng: torch.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    state = {"step": step, "model": model.state_dict(), "optimiser": optimiser.state_dict(), "rng": rng.get_state()}
    torch.save(state, draft)
    draft.replace(path)


def _restore(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, rng: torch.Generator) -> int:
    """The step to continue from: 0 without a checkpoint."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    rng.set_state(state["rng"])
    return state["step"]
