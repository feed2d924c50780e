"""Write the files beside this one, with transformers 4: tiny CLIPs of its layouts, and the features that it gives.

Run once, by a Python of its own that has transformers==4.57.3: `python tests/golden/hub/make.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection

HERE = Path(__file__).resolve().parent
IMAGE = {
    "hidden_size": 16,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 8,
}
WORDS = {
    "hidden_size": 16,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "max_position_embeddings": 8,
    "vocab_size": 32,
    "bos_token_id": 30,
    "eos_token_id": 31,
}
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def drawn(model: nn.Module, seed: int) -> Any:
    """Weights so large that features are of the order of one, and each way of computing them shows."""
    random = torch.Generator().manual_seed(seed)
    for name, tensor in model.named_parameters():
        noise = torch.randn(tensor.shape, generator=random)
        scale = "norm" in name and name.endswith("weight")
        tensor.data = 1 + 0.1 * noise if scale else 0.3 * noise
    return model.eval()


@torch.no_grad()
def main() -> None:
    """All of it; the same bytes every time."""
    settings: Any = CLIPConfig(text_config=WORDS, vision_config=IMAGE, projection_dim=12)
    clip = drawn(CLIPModel(settings), 0)
    vision = drawn(CLIPVisionModel(settings.vision_config), 1)
    settings.vision_config.projection_dim = 12
    projected = drawn(CLIPVisionModelWithProjection(settings.vision_config), 2)
    clip.save_pretrained(HERE / "clip")
    vision.save_pretrained(HERE / "vision")
    projected.save_pretrained(HERE / "projected")

    old = load_file(HERE / "clip/model.safetensors")  # as before 4.31, when buffers of positions were kept
    old["vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    old["text_model.embeddings.position_ids"] = torch.arange(8)[None]
    (HERE / "old").mkdir(exist_ok=True)
    save_file(old, HERE / "old/model.safetensors", {"format": "pt"})

    random = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (4, 16, 16, 3), dtype=torch.uint8, generator=random)
    pixels = (images.permute(0, 3, 1, 2).float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(
        3, 1, 1
    )
    tokens = torch.randint(1, 30, (4, 8), generator=random)
    tokens[:, 0], tokens[:, 6], tokens[:, 7] = 30, 31, 0
    features = {
        "images": images,
        "tokens": tokens,
        "clip": clip.get_image_features(pixel_values=pixels),
        "texts": clip.get_text_features(input_ids=tokens),
        "vision": clip.visual_projection(vision(pixel_values=pixels).pooler_output),
        "projected": projected(pixel_values=pixels).image_embeds,
    }
    save_file({name: tensor.contiguous() for name, tensor in features.items()}, HERE / "features.safetensors")


if __name__ == "__main__":
    main()
