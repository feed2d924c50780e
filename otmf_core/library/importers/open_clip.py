"""Checkpoints of open_clip: a whole CLIP or its image tower alone, and the configuration that such weights imply."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.library.importers.base import Checkpoint, Contents, floating, precision, unwrapped
from otmf_core.models.checkpoints import TOWER, Header
from otmf_core.models.clip_config import check_config

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "open_clip_config.json"
OPENAI_MEAN, OPENAI_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
ALONE = ("conv1.", "class_embedding", "transformer.resblocks.", "trunk.")  # what names of a lone image tower begin with
BLOCK = re.compile(r"transformer\.resblocks\.(\d{1,6})\.")
SIZES = {(768, 12, 32, 50): "ViT-B/32", (768, 12, 16, 197): "ViT-B/16", (1024, 24, 14, 257): "ViT-L/14"}
# The width of a head, which weights do not tell, by that of the tower: ViT-H, g, bigG and e have 16 heads, others this.
HEAD_WIDTHS, HEAD_WIDTH = {1280: 80, 1408: 88, 1664: 104, 1792: 112}, 64


def is_open_clip(names: list[str]) -> bool:
    """Whether these names, unwrapped, are open_clip's."""
    return any(name.startswith((TOWER, *ALONE)) for name in names)


class OpenClipCheckpoint(Checkpoint):
    """Weights with open_clip's names, whole or of the image tower; raises InputError on types that no weight has."""

    family = "open_clip"

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        weights = floating(contents.header, str(contents.files[0]))
        self._stored = _whole(unwrapped(weights, (TOWER,)))
        self._header = {name: weights[stored] for name, stored in self._stored.items()}
        self.files, self._config = contents.files, None
        self.precision = precision(self._header)
        beside = contents.files[0].with_name(CONFIG)
        if beside.is_file():
            self.files, self._config = (*contents.files, beside), _stated(beside)
        trunk = any(name.startswith(f"{TOWER}trunk.") for name in self._header)
        if self._config and not trunk:  # the towers of timm have activations of their own
            self.activation = "quick_gelu" if self._config["model_cfg"].get("quick_gelu", False) else "gelu"

    @property
    def header(self) -> Header:
        return self._header

    def read(self, name: str) -> Tensor:
        return self._contents.read(self._stored[name])

    @property
    def config(self) -> dict[str, Any] | None:
        return self._config


def preprocessing(size: Any, mean: Any = None, std: Any = None) -> dict[str, Any]:
    """open_clip's preprocess_cfg for images of that side, prepared as OpenAI's where nothing else is stated."""
    return {
        "mean": mean or list(OPENAI_MEAN),
        "std": std or list(OPENAI_STD),
        "size": size,
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }


def config_from_shapes(header: Header, quick_gelu: bool, where: str) -> dict[str, Any]:
    """The open_clip configuration of a ViT CLIP by the shapes of its weights, in open_clip's names.

    Attention heads are as wide as the published ones and images prepared as OpenAI's are: neither shows in weights.
    text_cfg is empty where there is no text tower. Raises InputError on towers of other designs and on sizes that
    open_clip does not express.
    """
    shapes = {name: shape for name, (_, shape) in header.items()}
    tower = {name.removeprefix(TOWER): shape for name, shape in shapes.items() if name.startswith(TOWER)}
    if other := _other_design(tower):
        design, name = other
        raise InputError(
            f"weights tell the sizes of a ViT, not of {design}: {shown(TOWER + name)} needs {CONFIG} beside {where}"
        )
    width, channels, patch, across = _sizes(tower, "conv1.weight", 4, where)
    if channels != 3 or patch != across:
        raise InputError(
            f"patches are square and of three colours, received 'conv1.weight' of {(width, channels, patch, across)} "
            f"in {where}"
        )
    tokens, _ = _sizes(tower, "positional_embedding", 2, where)
    grid = math.isqrt(max(tokens - 1, 0))
    if grid < 1 or grid * grid != tokens - 1:
        raise InputError(f"a ViT has a square of patches and a class token, received {tokens} positions in {where}")
    vision = {
        "image_size": grid * patch,
        "patch_size": patch,
        "head_width": HEAD_WIDTHS.get(width, min(HEAD_WIDTH, width)),
        **_transformer(tower, width, where),
    }
    model = {
        "embed_dim": _sizes(tower, "proj", 2, where)[1],
        "quick_gelu": quick_gelu,
        "vision_cfg": vision,
        "text_cfg": _text(shapes, where),
    }
    fields = {"model_cfg": model, "preprocess_cfg": preprocessing(vision["image_size"])}
    check_config(fields, where)
    return fields


def architecture(header: Header) -> str:
    """The name that CLIP's paper gives an image tower of these shapes, else its sizes, or the design of no ViT."""
    shapes = {name.removeprefix(TOWER): shape for name, (_, shape) in header.items() if name.startswith(TOWER)}
    if design := _other_design(shapes):
        return design[0]
    layers = {found[1] for name in shapes if (found := BLOCK.match(name))}
    patches, positions = shapes.get("conv1.weight", ()), shapes.get("positional_embedding", ())
    if not layers or len(patches) != 4 or len(positions) != 2:
        return "not stated"
    sizes = (patches[0], len(layers), patches[2], positions[0])
    return SIZES.get(sizes, f"ViT, width {sizes[0]}, {sizes[1]} layers, patch {sizes[2]}")


def _stated(path: Path) -> dict[str, Any]:
    fields = read_object(path)
    if "model_cfg" not in fields:  # the flat form
        fields = {"model_cfg": fields}
    if "preprocess_cfg" not in fields:
        model = fields["model_cfg"]
        vision = model.get("vision_cfg") if isinstance(model, dict) else None
        size = vision.get("image_size", 224) if isinstance(vision, dict) else 224
        fields = {**fields, "preprocess_cfg": preprocessing(size)}
    check_config(fields, str(path))
    return fields


def _whole(stored: dict[str, str]) -> dict[str, str]:
    """The names of a whole CLIP, from its own or from those of its image tower alone."""
    if any(name.startswith(TOWER) for name in stored):
        return stored
    return {f"{TOWER}{name}": original for name, original in stored.items()}


def _other_design(tower: Iterable[str]) -> tuple[str, str] | None:
    """What an image tower is that is no ViT of open_clip, and a name that tells it."""
    designs = {"layer1.": "a ResNet", "trunk.": "a tower of timm"}
    return next(((designs[part], name) for name in tower for part in designs if name.startswith(part)), None)


def _text(shapes: dict[str, tuple[int, ...]], where: str) -> dict[str, Any]:
    if not any(BLOCK.match(name) for name in shapes):
        return {}
    context, width = _sizes(shapes, "positional_embedding", 2, where)
    return {
        "context_length": context,
        "vocab_size": _sizes(shapes, "token_embedding.weight", 2, where)[0],
        "heads": max(width // HEAD_WIDTH, 1),
        **_transformer(shapes, width, where),
    }


def _transformer(shapes: dict[str, tuple[int, ...]], width: int, where: str) -> dict[str, Any]:
    layers = {int(found[1]) for name in shapes if (found := BLOCK.match(name))}
    inner = _sizes(shapes, "transformer.resblocks.0.mlp.c_fc.weight", 2, where)[0]
    sizes: dict[str, Any] = {"width": width, "layers": max(layers, default=0) + 1}
    if inner != 4 * width:
        ratio = inner / width
        exact = int(width * ratio) == inner  # as open_clip computes it back
        sizes["mlp_ratio"] = ratio if exact else math.nextafter(ratio, math.inf)
    return sizes


def _sizes(shapes: dict[str, tuple[int, ...]], name: str, dimensions: int, where: str) -> tuple[int, ...]:
    if name not in shapes:
        raise InputError(f"a CLIP of a ViT has {name!r}, which is missing in {where}")
    if len(shapes[name]) != dimensions or 0 in shapes[name]:
        raise InputError(f"{name!r} has {dimensions} sizes, none of them 0, received {shapes[name]} in {where}")
    return shapes[name]
