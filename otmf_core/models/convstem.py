"""The small image tower of the embedded library: a convolutional stem before ViT blocks, as a timm model.

Importing this module registers it, so that open_clip builds it by its name.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

from timm.models import is_model, register_model
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

STEM_CHANNELS = (32, 64)  # the third convolution ends at the width of the blocks
GROUPS = 8


class ConvStem(nn.Module):
    """Three stride-2 3×3 convolutions in place of a patch embedding: (n, 3, 32, 32) -> (n, 16, width).

    GroupNorm, never batch norm: running statistics are buffers, which no mask can scale.
    """

    def __init__(self, img_size: int, patch_size: int, in_chans: int, embed_dim: int, **_: Any) -> None:
        super().__init__()
        self.num_patches = (img_size // patch_size) ** 2
        channels = (in_chans, *STEM_CHANNELS, embed_dim)
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.GroupNorm(GROUPS, after), nn.GELU()]
        self.layers = nn.Sequential(*layers[:-1])  # no activation on what enters the residual stream

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).flatten(2).transpose(1, 2)


class ConvStemViT(VisionTransformer):
    """timm's ViT, with the one attribute of timm's own models that open_clip reads: a pooling size, here none."""

    default_cfg: ClassVar[dict[str, Any]] = {}


def otmf_convstem_vit(pretrained: bool = False, **kwargs: Any) -> VisionTransformer:
    """A convolutional stem and five ViT blocks of width 128 on 32×32 images, as a timm model."""
    options = {key: kwargs[key] for key in ("num_classes", "global_pool", "drop_path_rate") if key in kwargs}
    shape = {"img_size": 32, "patch_size": 8, "embed_dim": 128, "depth": 5, "num_heads": 4, "mlp_ratio": 3.0}
    return ConvStemViT(**shape, class_token=False, embed_layer=ConvStem, **{"global_pool": "avg", **options})


if not is_model("otmf_convstem_vit"):  # a module loaded twice must not register twice
    register_model(otmf_convstem_vit)
