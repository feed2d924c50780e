"""Tiny models and data sets of others on disk: what libraries are made of."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = ("dark", "middle", "bright")
TEMPLATES = ("a photo of a {}.",)
SIDE = 16
VISION = {"image_size": SIDE, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16}


def config() -> dict[str, Any]:
    """A CLIP of open_clip that reads the words of CLASSES and TEMPLATES."""
    from otmf_core.models.clip import vocabulary

    words = vocabulary([template.format(name) for template in TEMPLATES for name in CLASSES])
    text: dict[str, Any] = {"context_length": 12, "vocab_size": len(words), "width": 16, "heads": 2, "layers": 1}
    text["tokenizer_kwargs"] = {"vocabulary": words}
    return {
        "model_cfg": {"embed_dim": 16, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": text},
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "size": SIDE},
    }


def write_base(folder: Path, seed: int = 7) -> Path:
    """A pre-trained CLIP as open_clip's local folders have it."""
    import torch
    from safetensors.torch import save_file

    from otmf_core.models.clip import build_clip

    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config()))
    save_file(build_clip(config()).state_dict(), folder / "open_clip_model.safetensors")
    return folder


def write_expert(
    path: Path, base: Path, seed: int, change: Callable[[dict[str, Tensor]], object] = lambda tensors: None
) -> Path:
    """A model fine-tuned from the one in folder `base`: its image tower alone, `change`d before it is kept."""
    import torch
    from safetensors.torch import load_file, save_file

    random = torch.Generator().manual_seed(seed)
    whole = load_file(base / "open_clip_model.safetensors")
    tower = {name: tensor for name, tensor in whole.items() if name.startswith("visual.")}
    if seed:
        tower = {n: t + 0.01 * torch.randn(t.shape, generator=random) for n, t in tower.items()}
    change(tower)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tower, path)
    return path


def picture(label: int, number: int, size: tuple[int, int] = (20, 24)) -> bytes:
    """A PNG whose brightness tells its class."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng([label, number]).integers(0, 60, (*size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels + np.uint8(60 * label % 181)).save(file, "PNG")
    return file.getvalue()


def write_folders(
    root: Path, counts: dict[str, int], classes: Sequence[str] = CLASSES, first: int = 0, nested: bool = True
) -> Path:
    """Folders of classes, so many pictures of each in every split; no two pictures are alike."""
    for split, count in counts.items():
        for label, name in enumerate(classes):
            folder = root / split / name if nested else root / name
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                (folder / f"{number:03d}.png").write_bytes(picture(label, first + number))
        first += 1000
    return root
