"""Ways to draw a bank's images: plain or faintly tinted, as pre-training sees them, and in full colour for the tasks.

A batch is float32 (n, 3, 32, 32) in 0…1. All randomness comes from the generator given, so that a seed fixes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

SIZE = 32
LUMA = np.array([0.299, 0.587, 0.114])


def plain(kind: str, images: Tensor, generator: Generator) -> Tensor:
    """The pre-training domain: white ink on black or dark grey, artwork and photographs without colour, barely moved.

    Takes uint8 (n, 40, 40, 4) ink or artwork with its coverage, or (n, 32, 32, 3) photographs and digits.
    """
    layers = _layers(kind, _grey(images) if kind == "artwork" else images)
    moved = _move(layers, generator, degrees=8, stretch=0.1, shear=0.05, shift=0.06, filled=kind == "photo")
    if kind == "photo":
        return moved[:, :3]
    ink, cover = _ink(kind, moved)
    ground = 0.25 * torch.rand(len(images), 1, 1, 1, generator=generator)
    if kind == "artwork":
        ground = 4 * ground  # artwork stands on anything from black to white
    return cover * ink + (1 - cover) * ground


@dataclass(frozen=True)
class Domain:
    """How far drawings stray from plain ones; every figure bounds a draw made for each image."""

    degrees: float  # rotation
    stretch: float  # relative scale of width and height
    shear: float
    shift: float  # of the width
    dark: float  # share of images with dark ink on a light ground, instead of light ink on a dark one
    colour: float  # distance of a colour channel from grey
    blotches: float  # amplitude of the ground's unevenness
    contrast: float  # least difference in level between ink and ground
    blur: float  # share of a 3×3 mean
    noise: float  # standard deviation


TINTED = Domain(degrees=10, stretch=0.12, shear=0.08, shift=0.07, dark=0.0, colour=0.2, blotches=0.1, contrast=0.45,
                blur=0.3, noise=0.03)  # fmt: skip
TASK = Domain(degrees=8, stretch=0.1, shear=0.05, shift=0.05, dark=0.8, colour=0.5, blotches=0.25, contrast=0.4,
              blur=0.3, noise=0.05)  # fmt: skip


def coloured(kind: str, images: Tensor, generator: Generator, domain: Domain) -> Tensor:
    """Coloured ink, artwork or photographs on coloured, uneven grounds, moved, blurred and noisy as the domain says."""
    photo = kind == "photo"
    moved = _move(
        _layers(kind, images),
        generator,
        degrees=domain.degrees,
        stretch=domain.stretch,
        shear=domain.shear,
        shift=domain.shift,
        filled=photo,
    )
    if photo:
        return _spoil(_recolour(moved[:, :3], generator), generator, domain)
    n = len(images)
    dark = torch.rand(n, 1, 1, 1, generator=generator) < domain.dark
    ground = _ground(dark, generator, domain)
    ink, cover = _ink(kind, moved)
    ink = _recolour(ink, generator) if kind == "artwork" else _contrasting(ground, dark, generator, domain)
    return _spoil(cover * ink + (1 - cover) * ground, generator, domain)


def _grey(artwork: Tensor) -> Tensor:
    """uint8 (n, h, w, 4) without its colour, coverage kept."""
    level = torch.from_numpy((artwork[..., :3].numpy() @ LUMA).round()).to(torch.uint8)
    return torch.cat([level[..., None].expand(*level.shape, 3), artwork[..., 3:]], dim=-1)


def _layers(kind: str, images: Tensor) -> Tensor:
    """uint8 (n, h, w, c) -> float (n, 4, h, w): colour and coverage; a digit's brightness is its coverage."""
    layers = images.permute(0, 3, 1, 2).float() / 255
    if layers.shape[1] == 4:
        return layers
    cover = layers.mean(dim=1, keepdim=True) if kind == "digit" else torch.ones_like(layers[:, :1])
    return torch.cat([layers, cover], dim=1)


def _ink(kind: str, layers: Tensor) -> tuple[Tensor, Tensor]:
    """Colour (n, 3, h, w) and coverage (n, 1, h, w): artwork brings its own colour, glyphs and digits are white."""
    return (layers[:, :3] if kind == "artwork" else torch.ones_like(layers[:, :3])), layers[:, 3:]


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _move(
    layers: Tensor, generator: Generator, *, degrees: float, stretch: float, shear: float, shift: float, filled: bool
) -> Tensor:
    """A random affine map of each image, resampled to 32×32; beyond the edge nothing, or its mirror image if filled."""
    n = len(layers)
    angle = _uniform((n,), -degrees, degrees, generator) * math.pi / 180
    scale = 1 + _uniform((n, 2), -stretch, stretch, generator)
    slant = _uniform((n,), -shear, shear, generator)
    cos, sin = angle.cos(), angle.sin()
    x = torch.stack([cos * scale[:, 0], (slant - sin) * scale[:, 1]], dim=1)
    y = torch.stack([sin * scale[:, 0], cos * scale[:, 1]], dim=1)
    offset = 2 * _uniform((n, 2, 1), -shift, shift, generator)
    theta = torch.cat([torch.stack([x, y], dim=1), offset], dim=2)  # (n, 2, 3)
    grid = F.affine_grid(theta, [n, 4, SIZE, SIZE], align_corners=False)
    return F.grid_sample(layers, grid, padding_mode="reflection" if filled else "zeros", align_corners=False)


def _hue(n: int, generator: Generator, domain: Domain) -> Tensor:
    """Deviations from grey (n, 3, 1, 1), of mean zero."""
    offsets = _uniform((n, 3, 1, 1), -domain.colour, domain.colour, generator)
    return offsets - offsets.mean(dim=1, keepdim=True)


def _ground(dark: Tensor, generator: Generator, domain: Domain) -> Tensor:
    """Grounds (n, 3, 32, 32): one colour each, light under dark ink, with smooth blotches over it."""
    n = len(dark)
    level = _uniform((n, 1, 1, 1), 0.05, 0.45, generator)
    base = torch.where(dark, 1 - level, level) + _hue(n, generator, domain)
    blotches = _uniform((n, 3, 4, 4), -1, 1, generator) * _uniform((n, 1, 1, 1), 0, domain.blotches, generator)
    return (base + F.interpolate(blotches, size=SIZE, mode="bilinear", align_corners=False)).clamp(0, 1)


def _contrasting(ground: Tensor, dark: Tensor, generator: Generator, domain: Domain) -> Tensor:
    """Ink colours (n, 3, 1, 1), darker or lighter in mean than the ground by the domain's contrast or more."""
    level = ground.mean(dim=(1, 2, 3)).view(-1, 1, 1, 1)
    room = (torch.where(dark, level, 1 - level) - domain.contrast).clamp(min=0)
    step = domain.contrast + room * torch.rand(level.shape, generator=generator)
    return (torch.where(dark, level - step, level + step) + _hue(len(ground), generator, domain)).clamp(0, 1)


def _recolour(picture: Tensor, generator: Generator) -> Tensor:
    """Each colour channel scaled and lifted a little, as under another light: colours stay what they are called."""
    gain = _uniform((len(picture), 3, 1, 1), 0.65, 1.1, generator)
    lift = _uniform((len(picture), 3, 1, 1), -0.1, 0.15, generator)
    return (picture * gain + lift).clamp(0, 1)


def _spoil(picture: Tensor, generator: Generator, domain: Domain) -> Tensor:
    """Blur of random strength, then noise of random strength."""
    n = len(picture)
    blurred = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = _uniform((n, 1, 1, 1), 0, domain.blur, generator)
    noise = torch.randn(picture.shape, generator=generator) * _uniform((n, 1, 1, 1), 0, domain.noise, generator)
    return (picture + share * (blurred - picture) + noise).clamp(0, 1)
