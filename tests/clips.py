"""Tiny CLIPs with weights that show how features are computed, and their features through this program's own tower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from otmf_core.library.importers.base import Checkpoint, Expert
from otmf_core.models.checkpoints import TOWER
from otmf_core.models.clip import clip_tower

if TYPE_CHECKING:
    from torch import Tensor, nn

    from otmf_core.models.task_vector import StateDict

SIDE, PATCH, WIDTH, LAYERS, EMBEDDING = 32, 16, 64, 2, 24
CONTEXT, VOCABULARY = 8, 40
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLOSE = 1e-5  # the most by which features may differ from the original library's


def drawn(model: nn.Module, seed: int) -> Any:
    """The model in eval mode, with weights so large that features are of the order of one."""
    random = torch.Generator().manual_seed(seed)
    for name, tensor in model.named_parameters():
        noise = torch.randn(tensor.shape, generator=random)
        scale = ("norm" in name or ".ln_" in name or name.startswith("ln_")) and name.endswith("weight")
        tensor.data = 1 + 0.1 * noise if scale else 0.15 * noise
    return model.eval()


def tiny_images(side: int = SIDE) -> Tensor:
    """Noise, as uint8 (4, side, side, 3)."""
    return torch.randint(0, 256, (4, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def prepared(images: Tensor) -> Tensor:
    """What the original libraries take: float32 (n, 3, H, W), normalised as OpenAI's."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / std


def tiny_tokens() -> Tensor:
    """Ids (4, context) that begin with the first and end with the highest, where both libraries pool."""
    tokens = torch.randint(1, VOCABULARY - 2, (4, CONTEXT), generator=torch.Generator().manual_seed(6))
    tokens[:, 0], tokens[:, 6], tokens[:, 7] = VOCABULARY - 2, VOCABULARY - 1, 0
    return tokens


def model_cfg(quick_gelu: bool, **vision: Any) -> dict[str, Any]:
    """open_clip's configuration of a tiny CLIP."""
    image = {"image_size": SIDE, "patch_size": PATCH, "head_width": 64, "width": WIDTH, "layers": LAYERS}
    text = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": WIDTH, "heads": 1, "layers": LAYERS}
    return {"embed_dim": EMBEDDING, "quick_gelu": quick_gelu, "vision_cfg": {**image, **vision}, "text_cfg": text}


def open_clip_model(quick_gelu: bool, seed: int = 0) -> Any:
    """A tiny CLIP of open_clip."""
    import open_clip

    return drawn(open_clip.CLIP(**model_cfg(quick_gelu)), seed)


def transformers_model(activation: str = "quick_gelu", seed: int = 0, heads: int = 1) -> Any:
    """A tiny CLIPModel of transformers."""
    from transformers import CLIPConfig, CLIPModel

    both = {
        "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS, "hidden_act": activation,
        "num_attention_heads": heads,
    }  # fmt: skip
    image = {**both, "image_size": SIDE, "patch_size": PATCH, "projection_dim": EMBEDDING}
    text = {**both, "vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
    text |= {"bos_token_id": VOCABULARY - 2, "eos_token_id": VOCABULARY - 1}
    return drawn(CLIPModel(CLIPConfig(text_config=text, vision_config=image, projection_dim=EMBEDDING)), seed)


def tower_of(checkpoint: Checkpoint) -> StateDict:
    """θ⁰: the image tower of a checkpoint in float32."""
    names = [name for name in checkpoint.header if name.startswith(TOWER)]
    return {name.removeprefix(TOWER): checkpoint.read(name).float() for name in names}


def features(config: dict[str, Any], base: StateDict, expert: Expert, images: Tensor) -> Tensor:
    """Those of this program at θ⁰ + Δ: (n, d), not normalised."""
    expert.check({name: ("F32", tuple(tensor.shape)) for name, tensor in base.items()})
    tower = clip_tower(config, base, torch.device("cpu"), "here")
    tower.load(expert.task_vector(base))
    return tower.features(images, "a test")


def difference(one: Tensor, other: Tensor) -> float:
    """The largest of any two values."""
    assert one.shape == other.shape
    assert 0.3 < one.std() < 10  # so that a small one means something
    return float((one - other).abs().max())
