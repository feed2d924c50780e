"""CLIP as transformers lays it out: CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection, of versions 4 and 5.

Versions differ in prefixes alone: 5.6 and later write a fresh CLIPVisionModel without "vision_model.".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.importers.base import PROJECTION, Checkpoint, Contents, floating, precision, unwrapped
from otmf_core.library.importers.huggingface_config import read_settings, settings_files, with_settings
from otmf_core.library.importers.open_clip import config_from_shapes
from otmf_core.models.checkpoints import TOWER, Header
from otmf_core.models.clip_names import (
    IMAGE_PROJECTION,
    IN_IMAGE,
    IN_LAYER,
    IN_PROJECTION,
    IN_TEXT,
    STACKED,
    TEXT_PROJECTION,
)

if TYPE_CHECKING:
    from torch import Tensor

IMAGE, TEXT = "vision_model.", "text_model."
ALONE = ("embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm.")  # what names begin with without a prefix
SCALE = "logit_scale"  # of old files an array of one value
POSITIONS = "embeddings.position_ids"  # a buffer of old files, in some of them cast to floats with the rest
LAYER = re.compile(r"encoder\.layers\.(\d{1,6})\.(.+)\.(weight|bias)")

WHOLE = {
    IMAGE_PROJECTION: TOWER + PROJECTION,
    TEXT_PROJECTION: "text_projection",
    SCALE: SCALE,
}
TRANSPOSED = (TOWER + PROJECTION, "text_projection")


def is_huggingface(names: list[str]) -> bool:
    """Whether these names, unwrapped, are those of a CLIP of transformers."""
    return any(name.startswith((IMAGE, TEXT, *ALONE)) for name in names)


class HuggingFaceCheckpoint(Checkpoint):
    """A CLIP of transformers, with the config.json beside it if there is one.

    Raises InputError on keys and types that none has, and on settings that open_clip does not express.
    """

    family = "huggingface"

    def __init__(self, contents: Contents) -> None:
        self.files = (*contents.files, *settings_files(contents.files[0].parent))
        self._settings = read_settings(contents.files[0].parent)
        self.activation = self._settings.activation
        self._contents = contents
        weights = floating(contents.header, self.where)
        names = unwrapped(weights, (IMAGE,))
        self._sources = _sources({n: key for n, key in names.items() if not n.endswith(POSITIONS)}, self.where)
        self._header = {name: _entry(name, keys, weights, self.where) for name, keys in self._sources.items()}
        self.projected = TOWER + PROJECTION in self._header
        self.precision = precision(self._header)

    @property
    def header(self) -> Header:
        return self._header

    def read(self, name: str) -> Tensor:
        import torch

        parts = [self._contents.read(key) for key in self._sources[name]]
        tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
        if name in TRANSPOSED:
            tensor = tensor.permute(tuple(reversed(range(tensor.ndim)))).contiguous()
        return tensor.reshape(self._header[name][1]) if name == SCALE else tensor

    @property
    def config(self) -> dict[str, Any] | None:
        """That of a whole CLIP, None without a text tower: sizes by its weights, the rest by the files beside them.

        Without such files QuickGELU, as OpenAI's, and heads as wide as those of published CLIPs.
        """
        if not any(name.startswith("transformer.") for name in self._header):
            return None
        fields = config_from_shapes(self._header, self.activation != "gelu", self.where)
        return with_settings(fields, self._settings, self.files[0].parent)


def _sources(stored: dict[str, str], where: str) -> dict[str, tuple[str, ...]]:
    """open_clip's names → those in the file, of what is stacked in its order."""
    found: dict[str, dict[int, str]] = {}
    for name, key in stored.items():
        ours, place = _translated(name)
        if ours is None:
            raise InputError(f"a CLIP of transformers has its keys alone: {shown(key)} is none of them in {where}")
        if place in found.setdefault(ours, {}):
            raise InputError(
                f"a CLIP has a tensor once: {shown(found[ours][place])} and {shown(key)} are one in {where}"
            )
        found[ours][place] = key
    for ours, keys in found.items():
        if f".{IN_PROJECTION}_" in ours and len(keys) < len(STACKED):
            part = next(part for place, part in enumerate(STACKED) if place not in keys).rpartition(".")[2]
            raise InputError(
                f"q, k and v come together: {part} is missing beside {shown(min(keys.values()))} in {where}"
            )
    return {ours: tuple(keys[place] for place in sorted(keys)) for ours, keys in found.items()}


def _translated(name: str) -> tuple[str | None, int]:
    """open_clip's name for one of transformers, None for others, and its place in what is stacked."""
    if name in WHOLE:
        return WHOLE[name], 0
    if name.startswith(TEXT):
        tower, outside, short = "", IN_TEXT, name.removeprefix(TEXT)
    else:
        tower, outside, short = TOWER, IN_IMAGE, name.removeprefix(IMAGE)
    if short in outside:
        return tower + outside[short], 0
    layer = LAYER.fullmatch(short)
    if layer is None or layer[2] not in (*IN_LAYER, *STACKED):
        return None, 0
    block = f"{tower}transformer.resblocks.{int(layer[1])}"
    if layer[2] in STACKED:
        return f"{block}.{IN_PROJECTION}_{layer[3]}", STACKED.index(layer[2])
    return f"{block}.{IN_LAYER[layer[2]]}.{layer[3]}", 0


def _entry(name: str, keys: tuple[str, ...], weights: Header, where: str) -> tuple[str, tuple[int, ...]]:
    kind, shape = weights[keys[0]]
    if len(keys) > 1:
        if not shape or any(weights[key] != weights[keys[0]] for key in keys):
            raise InputError(f"q, k and v have one type and one shape: not so {shown(keys[0])} in {where}")
        shape = (len(keys) * shape[0], *shape[1:])
    if name in TRANSPOSED:
        shape = shape[::-1]
    return kind, () if name == SCALE and shape == (1,) else shape
