"""Pictures are prepared as open_clip prepares them, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import open_clip.transform
import pytest
from PIL import Image
from torch import Tensor

from otmf_core.library.preparation import Preparation, preparation, prepare

SIZES = [(64, 64), (64, 48), (48, 65), (200, 31), (31, 200), (33, 32), (7, 9), (1, 1), (32, 32)]


def picture(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("target", [(32, 32), (24, 40)])
def test_open_clips_own_transform_gives_the_same_pixels(target: tuple[int, int], mode: str, interpolation: str):
    if target[0] != target[1] and (mode, interpolation) == ("shortest", "bilinear"):
        pytest.skip("open_clip then resizes bicubically, whatever is asked for")
    theirs: Any = open_clip.transform.image_transform(
        target, False, mean=(0, 0, 0), std=(1, 1, 1), resize_mode=mode, interpolation=interpolation, fill_color=7
    )
    how = Preparation(*target, mode=mode, interpolation=interpolation, fill=7)
    for size in SIZES:
        if mode == "shortest" and size == (1, 1) and target[0] != target[1]:
            continue
        expected = theirs(picture(*size))
        assert isinstance(expected, Tensor)
        found = np.asarray(prepare(picture(*size), how))
        assert np.array_equal(found, np.rint(expected.numpy().transpose(1, 2, 0) * 255).astype(np.uint8)), size


def test_a_picture_of_the_right_size_is_left_as_it_is():
    original = picture(32, 32)
    assert prepare(original, Preparation(32, 32)) is original


def test_the_configuration_states_how():
    config = {"model_cfg": {"vision_cfg": {"image_size": 48}}, "preprocess_cfg": {"resize_mode": "squash"}}
    assert preparation(config) == Preparation(48, 48, mode="squash")
    config["preprocess_cfg"] = {"size": [24, 40], "interpolation": "bilinear", "fill_color": 3}
    assert preparation(config) == Preparation(24, 40, interpolation="bilinear", fill=3)


def test_a_strip_too_thin_to_be_fitted():
    with pytest.raises(ValueError, match="a strip of 60000 × 1 pixels, too thin to be fitted"):
        prepare(Image.new("RGB", (60_000, 1)), Preparation(224, 224))
