"""The configuration of transformers' CLIP for a backbone of ours, as far as it can express one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.models.clip_config import image_size

SIZES = {  # fields that transformers' CLIP has, by the tower
    "vision_cfg": ("layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size"),
    "text_cfg": ("layers", "width", "heads", "mlp_ratio", "context_length", "vocab_size"),
}
NO_MATTER = ("patch_dropout", "tokenizer_mode", "tokenizer_kwargs", "pad_id", "eos_id")  # to the features of an input
EPSILON = 1e-5  # of layer norms
ARGMAX = 2  # the end token by which transformers, as open_clip, pools at the highest id, whatever the vocabulary
RESAMPLE = {"bilinear": 2, "bicubic": 3}  # Pillow's numbers


def vision_config(backbone: dict[str, Any], where: str) -> dict[str, Any]:
    """CLIPVisionConfig's fields for a checked backbone config; raises InputError, naming the field that has no place.

    `where` names the file.
    """
    cfg = _tower(backbone, "vision_cfg", where)
    size = cfg["image_size"]
    if not isinstance(size, int) and size[0] != size[1]:
        raise InputError(f"transformers' CLIP takes square images: vision_cfg.image_size is {shown(size)} in {where}")
    return {
        "model_type": "clip_vision_model",
        **_shared(backbone, cfg),
        "num_attention_heads": cfg["width"] // cfg["head_width"],
        "num_channels": 3,
        "image_size": size if isinstance(size, int) else size[0],
        "patch_size": cfg["patch_size"],
    }


def text_config(backbone: dict[str, Any], where: str) -> dict[str, Any]:
    """CLIPTextConfig's fields, likewise."""
    cfg = _tower(backbone, "text_cfg", where)
    return {
        "model_type": "clip_text_model",
        **_shared(backbone, cfg),
        "num_attention_heads": cfg["heads"],
        "max_position_embeddings": cfg["context_length"],
        "vocab_size": cfg["vocab_size"],
        "bos_token_id": 0,
        "eos_token_id": ARGMAX,
        "pad_token_id": 1,
    }


def image_processor(backbone: dict[str, Any], where: str) -> dict[str, Any]:
    """CLIPImageProcessor's fields, likewise."""
    cfg = backbone["preprocess_cfg"]
    height, width = image_size(backbone)
    resize, interpolation = cfg.get("resize_mode") or "shortest", cfg.get("interpolation") or "bicubic"
    if resize not in ("shortest", "squash"):
        raise InputError(
            f"transformers' CLIP crops or squashes images: preprocess_cfg.resize_mode is {shown(resize)} in {where}"
        )
    if interpolation not in tuple(RESAMPLE):  # of a file: it may be anything
        raise InputError(
            f"images are resized by one of {', '.join(RESAMPLE)}: preprocess_cfg.interpolation is "
            f"{shown(interpolation)} in {where}"
        )
    whole = {"height": height, "width": width}
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": min(height, width)} if resize == "shortest" else whole,
        "resample": RESAMPLE[interpolation],
        "do_center_crop": resize == "shortest",
        "crop_size": whole,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(cfg["mean"]),
        "image_std": list(cfg["std"]),
    }


def _tower(backbone: dict[str, Any], tower: str, where: str) -> dict[str, Any]:
    """All of a tower's fields, open_clip's defaults among them, once none is one that transformers' CLIP lacks."""
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg

    given = backbone["model_cfg"][tower]
    defaults = asdict(CLIPVisionCfg() if tower == "vision_cfg" else CLIPTextCfg())
    for name, value in given.items():
        if name not in (*SIZES[tower], *NO_MATTER) and value not in (defaults.get(name), None, {}):
            raise InputError(f"transformers' CLIP is a plain ViT: {tower}.{name} is {shown(value)} in {where}")
    cfg = {**defaults, **given}
    if not isinstance(cfg["layers"], int):
        raise InputError(f"transformers' CLIP is a plain ViT: {tower}.layers is {shown(cfg['layers'])} in {where}")
    return cfg


def _shared(backbone: dict[str, Any], cfg: dict[str, Any]) -> dict[str, Any]:
    model = backbone["model_cfg"]
    return {
        "hidden_size": cfg["width"],
        "intermediate_size": int(cfg["width"] * cfg["mlp_ratio"]),
        "num_hidden_layers": cfg["layers"],
        "projection_dim": model["embed_dim"],
        "hidden_act": "quick_gelu" if model.get("quick_gelu") else "gelu",
        "layer_norm_eps": EPSILON,
        "attention_dropout": 0.0,
    }
