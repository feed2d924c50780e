"""Pictures of any kind as 8-bit RGB, and what is none in one sentence."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from otmf_core.errors import InputError
from otmf_core.library.pictures import open_picture, picture_size

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257


def stored(values: Any, kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    (values if isinstance(values, Image.Image) else Image.fromarray(values, mode)).save(file, format=kind, **options)
    return file.getvalue()


def read(data: bytes) -> np.ndarray:
    return np.asarray(open_picture(data, "here"))


def test_rgb_comes_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (read(stored(pixels)) == pixels).all()
    assert picture_size(stored(pixels), "here") == (5, 7)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled(kind: str):
    expected = np.repeat(np.arange(256).reshape(16, 16, 1), 3, axis=2)
    assert (read(stored(RAMP, kind)) == expected).all()


def test_floats_of_0_to_1_are_scaled_and_others_refused():
    ramp = (np.arange(256, dtype=np.float32) / 255).reshape(16, 16)
    assert (read(stored(ramp, "TIFF"))[..., 0] == np.arange(256).reshape(16, 16)).all()
    for values in (ramp * 255, ramp - 1, np.full((2, 2), np.nan, np.float32)):
        with pytest.raises(InputError, match=r"^a picture is a whole .*grey of mode F is 0 to 1, not "):
            open_picture(stored(values, "TIFF"), "here")


def test_a_camera_turn_is_applied():
    picture = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 6).repeat(3).reshape(2, 6, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    data = stored(picture, exif=exif)
    assert (read(data) == np.rot90(np.asarray(picture), -1)).all()
    assert picture_size(data, "here") == (6, 2)


def test_transparent_parts_lie_on_white():
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0, 0] = (10, 20, 30, 255)
    expected = np.full((2, 2, 3), 255, np.uint8)
    expected[0, 0] = (10, 20, 30)
    assert (read(stored(clear)) == expected).all()
    grey = np.array([[[0, 0], [7, 255]]], np.uint8)
    assert read(stored(grey, mode="LA")).tolist() == [[[255] * 3, [7] * 3]]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([1, 2, 3, 4, 5, 6])
    assert read(stored(palette, transparency=0)).tolist() == [[[255] * 3, [4, 5, 6]]]
    assert read(stored(palette)).tolist() == [[[1, 2, 3], [4, 5, 6]]]


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    header = struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_by_its_header():
    for size in ((20_000, 20_000), (2**31 - 1, 2**31 - 1), (50_000_001, 1)):
        with pytest.raises(InputError, match=r"^a picture (has at most 50 million pixels|is a whole)") as caught:
            open_picture(png_header(*size), "here")
        assert "here" in str(caught.value)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n%%EOF\n"


def test_no_program_is_started_for_an_eps():
    seen: list[str] = []
    sys.addaudithook(
        lambda event, _: seen.append(event) if event.startswith(("subprocess", "os.posix_spawn", "os.exec")) else None
    )
    for data in (EPS, b"%PDF-1.4", b"RIFF    WEBP", b"GIF89a", b"", b"BM", b"II*\0" + bytes(50), b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(
            InputError, match=r"^a picture is a whole PNG, JPEG, WEBP, BMP, GIF or TIFF file, received here"
        ):
            open_picture(data, "here")
        with pytest.raises(InputError):
            picture_size(data, "here")
    assert seen == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_whatever_damage_is_a_sentence_or_a_picture(kind: str):
    random = np.random.default_rng(1)
    good = stored(random.integers(0, 256, (16, 16, 3), dtype=np.uint8), kind)
    assert read(good).shape == (16, 16, 3)
    for _ in range(300):
        data = bytearray(good)
        for place in random.integers(0, len(data), 3):
            data[place] = random.integers(0, 256)
        data = data[: len(data) if random.random() < 0.7 else random.integers(0, len(data))]
        try:
            open_picture(bytes(data), "here")
        except InputError as error:
            assert "here" in str(error) and "\n" not in str(error)
