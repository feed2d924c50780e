"""CLIP from an open_clip config: the whole model, its image tower, and the zero-shot heads of its text tower."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from otmf_core.errors import InputError
from otmf_core.files import brief
from otmf_core.models import convstem as convstem  # registers our own tower with timm
from otmf_core.models.base import Tower
from otmf_core.models.checkpoints import check_matches
from otmf_core.models.device import all_to_device, autocast, to_device
from otmf_core.models.inputs import Inputs
from otmf_core.models.lanes import fits, in_lanes
from otmf_core.models.task_vector import StateDict
from otmf_core.models.views import Views

KEPT_VIEWS = 32 << 20  # bytes of one task's views that are kept once they are made
TEXT_BATCH = 256  # texts that are encoded at once


def _model_cfg(config: dict[str, Any]) -> dict[str, Any]:
    """The open_clip model_cfg, whether wrapped as in backbone/config.json or bare as open_clip ships it."""
    cfg = config.get("model_cfg", config)
    missing = [key for key in ("embed_dim", "vision_cfg", "text_cfg") if key not in cfg]
    if missing:
        raise InputError(f"a backbone config has embed_dim, vision_cfg and text_cfg: {', '.join(missing)} is missing")
    return cfg


def build_clip(config: dict[str, Any]) -> open_clip.CLIP:
    """The whole CLIP model of a config, with random weights, in eval mode. Raises InputError on a malformed config."""
    return _built(_model_cfg(config))


def loaded_clip(config: dict[str, Any], weights: StateDict, where: str) -> open_clip.CLIP:
    """The whole CLIP of a config with these weights, on the CPU; raises InputError about `where` unless they fit it."""
    floats = {name: tensor.float() for name, tensor in weights.items() if tensor.is_floating_point()}
    with torch.device("meta"):  # shapes alone: a config that asks for more than the weights have takes no memory
        drawn = build_clip(config).state_dict()
    check_matches(floats, {name: tensor for name, tensor in drawn.items() if tensor.is_floating_point()}, where)
    model = build_clip(config)
    model.load_state_dict(floats)
    return model


def build_encoder(config: dict[str, Any]) -> nn.Module:
    """The image tower of `build_clip(config)` alone, with random weights, in eval mode.

    Its state dict has the keys of the CLIP's that begin with "visual.", less that prefix.
    """
    cfg = dict(_model_cfg(config))
    cfg["text_cfg"] = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}
    return _built(cfg).visual


def _built(cfg: dict[str, Any]) -> open_clip.CLIP:
    try:
        return open_clip.CLIP(**cfg).eval()
    except (AssertionError, AttributeError, ImportError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {brief(error)}"
        raise InputError(f"a backbone config describes a CLIP that can be built: {reason}") from None


def preprocess(images: Tensor, config: dict[str, Any]) -> Tensor:
    """uint8 (n, H, W, 3) in 0…255 -> float32 (n, 3, H, W), normalised by the config's mean and std."""
    cfg = config["preprocess_cfg"]
    mean = torch.tensor(cfg["mean"], dtype=torch.float32, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(cfg["std"], dtype=torch.float32, device=images.device).view(1, 3, 1, 1)
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / std


@dataclass(frozen=True, eq=False)
class ClipTower(Tower):
    """An image tower; its inputs are images as uint8 (n, H, W, 3) on the CPU, its features are not L2-normalised."""

    config: dict[str, Any]

    def encode(self, inputs: Tensor) -> Tensor:
        images = preprocess(to_device(inputs, self.device), self.config)
        with autocast(self.device):
            return self.module(images).float()

    def encode_in_lanes(self, inputs: Tensor) -> Tensor:
        return in_lanes(self.encode, self.module, inputs) if fits(self.module) else self.encode(inputs)

    def views(self, inputs: Tensor, count: int, seed: Sequence[int]) -> Inputs:
        views = Views(inputs, count, seed)
        return views[:] if views.bytes() <= KEPT_VIEWS else views

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))


def clip_tower(config: dict[str, Any], base: Mapping[str, Tensor], device: torch.device, where: str) -> ClipTower:
    """The image tower of a config at θ⁰, on that device; raises InputError about `where` unless θ⁰ fits it."""
    with torch.device("meta"):  # shapes alone: a config that asks for more than θ⁰ has takes no memory
        drawn = build_encoder(config).state_dict()
    check_matches(base, {name: tensor for name, tensor in drawn.items() if tensor.is_floating_point()}, where)
    tower = ClipTower(build_encoder(config).to(device), all_to_device(base, device), device, config)
    tower.load()
    return tower


def vocabulary(texts: Iterable[str]) -> list[int]:
    """The ids of open_clip's SimpleTokenizer that these texts need, ascending; padding first, start and end last."""
    full = SimpleTokenizer()
    used = {token for text in set(texts) for token in full.encode(text)}
    return sorted(used | {0, full.sot_token_id, full.eot_token_id})


def tokenizer(config: dict[str, Any]) -> Callable[[Sequence[str]], Tensor]:
    """Texts -> ids (n, context_length): open_clip's SimpleTokenizer, remapped onto the config's compact vocabulary.

    The vocabulary stands in text_cfg.tokenizer_kwargs.vocabulary as ascending ids, so that order is kept and the end
    token stays the highest, where open_clip pools. Without one the ids are open_clip's. Raises InputError on a text
    that needs a token outside it.
    """
    text_cfg = _model_cfg(config)["text_cfg"]
    full = SimpleTokenizer(context_length=text_cfg.get("context_length", 77))
    ids = (text_cfg.get("tokenizer_kwargs") or {}).get("vocabulary")
    size = text_cfg.get("vocab_size", full.vocab_size)
    if ids is None:
        return lambda texts: _known(full(list(texts)), texts, size)
    compact = torch.full((full.vocab_size,), -1)
    compact[torch.tensor(ids)] = torch.arange(len(ids))

    def tokenise(texts: Sequence[str]) -> Tensor:
        return _known(compact[full(list(texts))], texts, size)

    return tokenise


def _known(tokens: Tensor, texts: Sequence[str], size: int) -> Tensor:
    """Ids (n, context_length) that all lie below `size`; raises InputError naming the first text with another."""
    for text, row in zip(texts, tokens, strict=True):
        if (row < 0).any() or (row >= size).any():
            raise InputError(f"texts are made of words in this backbone's vocabulary, received {text!r}")
    return tokens


@torch.no_grad()
def zero_shot_head(
    model: open_clip.CLIP,
    tokenise: Callable[[Sequence[str]], Tensor],
    classes: Sequence[str],
    templates: Sequence[str],
    report: Callable[[float], None] = lambda done: None,
) -> Tensor:
    """h: (classes, d), rows of norm one: normalised text features, averaged over templates and normalised again.

    `report` hears the share done. Source: CLIP's zero-shot classifier (arXiv 2103.00020, section 3.1.4).
    """
    texts = [template.replace("{}", name) for name in classes for template in templates]
    parts = []
    for start in range(0, len(texts), TEXT_BATCH):
        parts.append(model.encode_text(tokenise(texts[start : start + TEXT_BATCH]), normalize=True))
        report(min(1.0, (start + TEXT_BATCH) / len(texts)))
    features = torch.cat(parts)
    return F.normalize(features.view(len(classes), len(templates), -1).mean(dim=1), dim=-1)
