"""The memory that a merge of a large model takes on a GPU, counted from its sizes: said before anything is run.

Only for open_clip's own ViTs: what timm's towers keep for their gradients, no formula here tells. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.forecast.work import model_bytes
from otmf_core.library.library import Library
from otmf_core.models.checkpoints import parameters
from otmf_core.models.clip_config import image_size
from otmf_core.models.inputs import ENCODE_BATCH, LARGE, MOST_ON_GPU

GIB = 1 << 30
RUNTIME = 1 * GIB  # of CUDA itself, its kernels and their workspace
HALF = 2  # bytes of a number that autocast computes with


def device_memory(config: MergeConfig, library: Library) -> int | None:
    """Bytes of `config` on a GPU at its peak, in bfloat16 autocast; None for towers that no formula is known of.

    Counted: tensors of the model's size (`Method.model_copies`, float32), their casts, what the images that are learned
    from at once keep for gradients. Raises InputError when the library's pre-trained model cannot be read.
    """
    if library.of_texts:
        return None
    fields = library.backbone_config
    per_image = activations(fields, HALF)
    if per_image is None:
        return None
    method = config.method
    count = parameters(library.tower_header)
    shapes = {name: shape for name, (_, shape) in library.tower_header.items()}
    beside = method.parameters_beside(shapes, len(config.tasks))
    fixed = model_bytes(config, count) + 4 * beside + HALF * (count + beside) + RUNTIME
    if not method.iterations_per_fusion:
        layers = fields["model_cfg"]["vision_cfg"].get("layers", 12)
        return fixed + ENCODE_BATCH * per_image // layers
    images = method.images_per_iteration(len(config.tasks) - 1)
    if count >= LARGE:  # then it learns part by part
        images = min(images, max(MOST_ON_GPU, method.batch_examples))
        fixed += 4 * count  # whose gradients are summed
    return fixed + images * per_image


def activations(backbone: Mapping[str, Any], number: int) -> int | None:
    """Bytes that a ViT of open_clip keeps of one image for its gradients, in numbers of so many bytes; else None.

    Of every token and layer, in widths: the block's input, the first norm's output, q, k, v, the attention's output,
    the second block's input and norm, and of the MLP its inner values before and after the activation; QuickGELU, which
    is written out, keeps a sigmoid as well.
    """
    model = backbone["model_cfg"]
    vision = model["vision_cfg"]
    plain = isinstance(vision.get("layers", 12), int) and vision.get("patch_size", 16)
    if vision.get("timm_model_name") or not plain:
        return None
    height, width = image_size(dict(backbone))
    patch, dimension = vision.get("patch_size", 16), vision.get("width", 768)
    tokens = (height // patch) * (width // patch) + 1
    inner = vision.get("mlp_ratio", 4.0) * (3 if model.get("quick_gelu") else 2)
    in_blocks = vision.get("layers", 12) * tokens * (8 + inner) * dimension
    stem = 3 * height * width + 3 * tokens * dimension
    return round(number * (in_blocks + stem))
