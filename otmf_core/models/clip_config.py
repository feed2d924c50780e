"""The configuration of a CLIP as open_clip has it, validated whole before anything is built from it.

Every field is one that describes a network. Those by which open_clip would reach for a hub, a file or code (names of
Hugging Face models, pre-trained timm models) are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.settings import first_mistake

Word = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9_.-]{0,100}$")]  # no colon: hf-hub: and local-dir:
Flag = Annotated[bool, Field(strict=True)]
Layers = Annotated[int, Field(strict=True, ge=1, le=200)]
Width = Annotated[int, Field(strict=True, ge=1, le=16_384)]
Side = Annotated[int, Field(strict=True, ge=1, le=4_096)]
Count = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Ratio = Annotated[float, Field(gt=0, le=64, allow_inf_nan=False)]
Real = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Scalars = dict[Word, Flag | Real]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Block(_Model):
    """What image and text towers share."""

    mlp_ratio: Ratio = 4.0
    ls_init_value: Real | None = None
    final_ln_after_pool: Flag = False
    pool_type: Word = ""
    output_tokens: Flag = False
    act_kwargs: Scalars | None = None
    norm_kwargs: Scalars | None = None
    block_type: Word | None = None
    qk_norm: Flag = False
    scaled_cosine_attn: Flag = False
    scale_heads: Flag = False
    scale_attn_inner: Flag = False
    scale_attn: Flag = False
    scale_fc: Flag = False


class _Vision(_Block):
    layers: Layers | tuple[Layers, Layers, Layers, Layers] = 12
    width: Width = 768
    head_width: Width = 64
    patch_size: Side | None = 16  # a ResNet has none
    image_size: Side | tuple[Side, Side] = 224
    patch_dropout: Share = 0.0
    attentional_pool: Flag = False
    attn_pooler_queries: Width = 256
    attn_pooler_heads: Width = 8
    no_ln_pre: Flag = False
    pos_embed_type: Literal["learnable", "sin_cos_2d"] = "learnable"
    timm_model_name: Word | None = None
    timm_model_pretrained: Literal[False] = False
    timm_pool: Word = "avg"
    timm_proj: Word = "linear"
    timm_proj_bias: Flag = False
    timm_drop: Share = 0.0
    timm_drop_path: Share | None = None


class _Tokenizer(_Model):
    vocabulary: Annotated[tuple[Annotated[int, Field(strict=True, ge=0, lt=10_000_000)], ...], Field(min_length=1)]


class _TextTower(_Block):
    context_length: Side = 77
    vocab_size: Count = 49_408
    tokenizer_mode: Word | None = None
    tokenizer_kwargs: _Tokenizer | None = None
    width: Width = 512
    heads: Width = 8
    layers: Layers = 12
    embed_cls: Flag = False
    pad_id: Annotated[int, Field(strict=True, ge=0, lt=10_000_000)] = 0
    eos_id: Annotated[int, Field(strict=True, ge=0, lt=10_000_000)] = 2
    no_causal_mask: Flag = False
    proj_bias: Flag = False
    proj_type: Word | None = "linear"


class _Network(_Model):
    embed_dim: Width
    vision_cfg: _Vision
    text_cfg: _TextTower
    quick_gelu: Flag = False
    init_logit_scale: Real = 0.0


Mean = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Deviation = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class _Preprocessing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    mean: tuple[Mean, Mean, Mean]
    std: tuple[Deviation, Deviation, Deviation]
    size: Side | tuple[Side, Side] | None = None
    interpolation: Literal["bicubic", "bilinear"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = None
    fill_color: Annotated[int, Field(strict=True, ge=0, le=255)] | None = None


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    model_cfg: _Network
    preprocess_cfg: _Preprocessing


def check_config(fields: dict[str, Any], where: str) -> None:
    """Raise InputError, naming the field, unless `fields` describe a CLIP and how its images are prepared."""
    try:
        _Config(**fields)
    except (ValidationError, TypeError) as error:
        if not isinstance(error, ValidationError):
            raise InputError(f"a backbone config has model_cfg and preprocess_cfg, in {where}") from None
        field, reason = first_mistake(error)
        raise InputError(f"a backbone config describes a CLIP: {shown(field)} does not ({reason}) in {where}") from None


def image_size(fields: dict[str, Any]) -> tuple[int, int]:
    """Height and width of the images that a checked config's tower takes."""
    size = fields["preprocess_cfg"].get("size") or fields["model_cfg"]["vision_cfg"].get("image_size", 224)
    return (size, size) if isinstance(size, int) else (size[0], size[1])
