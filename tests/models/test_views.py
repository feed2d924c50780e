"""Views of images, against torchvision's affine transforms and what the recipe says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as TF

from otmf_core.models import views as module
from otmf_core.models.views import Views


def images(count: int = 10, height: int = 12, width: int = 12) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
    )


def smooth(size: int = 32) -> torch.Tensor:
    """A blob off the centre: what is turned and shifted can be found again."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    blob = 255 * torch.exp(-((x - 20.0) ** 2 + (y - 13.0) ** 2) / 30)
    return blob.round().byte()[None, :, :, None].expand(1, size, size, 3).contiguous()


def centre(image: torch.Tensor) -> tuple[float, float]:
    weight = image[..., 0].double()
    y, x = torch.meshgrid(*(torch.arange(n).double() for n in weight.shape), indexing="ij")
    return float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())


def test_the_first_view_of_every_image_is_the_image_and_the_others_are_not():
    own = images()
    views = Views(own, 4, (1, 2))
    assert len(views) == 40
    assert torch.equal(views[np.arange(0, 40, 4)], own)
    drawn = views[np.array([place for place in range(40) if place % 4])]
    assert drawn.dtype == torch.uint8 and drawn.shape == (30, 12, 12, 3)
    assert not any(torch.equal(view, own[number // 3]) for number, view in enumerate(drawn))


def test_views_are_drawn_by_seed_whatever_is_asked_for_and_however_many_images_follow():
    views = Views(images(), 4, (1, 2))
    whole = views[0:40]
    assert torch.equal(views[np.array([17, 3, 17, 8])], whole[[17, 3, 17, 8]])
    assert torch.equal(views[5:9], whole[5:9])
    assert torch.equal(Views(images()[:6], 4, (1, 2))[0:24], whole[:24])
    assert not torch.equal(Views(images(), 4, (1, 3))[0:40], whole)


def test_images_given_are_not_changed():
    own = images()
    Views(own, 3, (0,))[0:30]
    assert torch.equal(own, images())


@pytest.mark.parametrize(
    ("turn", "scale", "right", "down"),
    [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0.5, -1), (0.7, -0.6, 0.2, 0.4)],
)
def test_a_moved_image_is_that_of_torchvision(turn: float, scale: float, right: float, down: float):
    """torchvision moves the picture, the grid here where its pixels are read: the inverse of that."""
    size = 32
    numbers = (np.array([value], dtype=float) for value in (turn, scale, right, down))
    moved = module._moved(smooth(size), *numbers)
    angle, factor = turn * module.TURN, math.exp(scale * module.SCALE)
    x, y = (value * module.SHIFT * size / 2 for value in (right, down))
    cos, sin = math.cos(angle) / factor, math.sin(angle) / factor  # x_in = s·R·x_out + t, so x_out = R⁻¹(x_in − t)/s
    expected = TF.affine(
        smooth(size).permute(0, 3, 1, 2).float(),
        angle=-math.degrees(angle),
        translate=[0, 0],
        scale=1 / factor,
        shear=[0.0, 0.0],
        interpolation=TF.InterpolationMode.BILINEAR,
    )
    before, after = centre(expected[0].permute(1, 2, 0)), centre(moved[0])
    assert after[0] == pytest.approx(before[0] - (cos * x + sin * y), abs=0.15)
    assert after[1] == pytest.approx(before[1] - (-sin * x + cos * y), abs=0.15)


def test_half_of_the_views_hold_up_to_half_of_an_earlier_image():
    """Images of one grey each do not move: what differs in a view is what was mixed in."""
    greys = torch.arange(0, 250, 10, dtype=torch.uint8).view(-1, 1, 1, 1).expand(25, 8, 8, 3).contiguous()
    views = Views(greys, 41, (5,))
    drawn = views[0 : len(views)].view(25, 41, 8, 8, 3).float()
    assert (drawn.amax(dim=(2, 3, 4)) - drawn.amin(dim=(2, 3, 4)) <= 1).all()
    level = drawn.mean(dim=(2, 3, 4))
    own = greys[:, 0, 0, 0].float()[:, None]
    assert (level <= own + 0.5).all()  # others are earlier, and darker here
    assert (level >= own / 2 - 0.5).all()  # of a black one half at most
    mixed = (level[10:, 1:] < own[10:] - 0.5).float().mean().item()
    assert 0.4 < mixed < 0.55
