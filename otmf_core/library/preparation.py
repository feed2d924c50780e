"""Pictures of any size made into what a tower takes, as open_clip prepares images: resized, then cropped or padded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otmf_core.library.pictures import MAX_PIXELS
from otmf_core.models.clip_config import image_size

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Preparation:
    """Height and width that a tower takes, and how a picture comes to them (open_clip's preprocess_cfg)."""

    height: int
    width: int
    mode: str = "shortest"  # the side that is fitted: shortest (then cropped), longest (then padded), squash (both)
    interpolation: str = "bicubic"
    fill: int = 0  # of padding


def preparation(config: Mapping[str, Any]) -> Preparation:
    """The preparation that a checked backbone configuration states."""
    height, width = image_size(dict(config))
    fields = config["preprocess_cfg"]
    return Preparation(
        height,
        width,
        fields.get("resize_mode") or "shortest",
        fields.get("interpolation") or "bicubic",
        fields.get("fill_color") or 0,
    )


def prepare(picture: Image.Image, how: Preparation) -> Image.Image:
    """The picture in the size that the tower takes; one that has it already comes back as it is.

    The same pixels as open_clip's own transform. Raises ValueError on a strip that would become too long.
    """
    from PIL import Image

    target = (how.width, how.height)
    if picture.size == target:
        return picture
    resample = Image.Resampling.BILINEAR if how.interpolation == "bilinear" else Image.Resampling.BICUBIC
    if how.mode == "squash":
        return picture.resize(target, resample)
    ratios = (picture.width / how.width, picture.height / how.height)
    if how.mode == "shortest" and how.width == how.height:  # torchvision's Resize rounds the longer side down
        short, long = sorted(picture.size)
        scaled = int(how.width * long / short)
        size = (how.width, scaled) if picture.width <= picture.height else (scaled, how.width)
    else:
        ratio = max(ratios) if how.mode == "longest" else min(ratios)
        size = (round(picture.width / ratio), round(picture.height / ratio))
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"a strip of {picture.width} × {picture.height} pixels, too thin to be fitted")
    if picture.size != size:
        picture = picture.resize(size, resample)
    return _cropped(picture, target, how.fill)


def _cropped(picture: Image.Image, target: tuple[int, int], fill: int) -> Image.Image:
    """The middle of a picture, on a ground where it is smaller."""
    from PIL import Image

    if picture.width < target[0] or picture.height < target[1]:
        ground = Image.new("RGB", (max(picture.width, target[0]), max(picture.height, target[1])), (fill,) * 3)
        ground.paste(picture, ((ground.width - picture.width) // 2, (ground.height - picture.height) // 2))
        picture = ground
    left, top = round((picture.width - target[0]) / 2), round((picture.height - target[1]) / 2)
    return picture.crop((left, top, left + target[0], top + target[1]))
