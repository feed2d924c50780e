"""Pictures decoded in worker processes: the same pixels in the same order, damaged ones named, crashes a sentence."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from otmf_core.errors import InputError
from otmf_core.library import decoding
from otmf_core.library.decoding import PIECE, damaged, decoded, prepared
from otmf_core.library.preparation import Preparation

LARGE, SMALL = Preparation(120, 120), Preparation(16, 16)


def jpeg(number: int, side: int = 150) -> tuple[bytes, str]:
    pixels = np.random.default_rng(number).integers(0, 256, (side, side + number, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue(), f"picture {number}"


@pytest.mark.parametrize("how", [LARGE, SMALL])
def test_workers_and_this_process_give_the_same_pixels_in_order(how: Preparation):
    pictures = [jpeg(number) for number in range(2 * PIECE + 3)]
    pieces = list(decoded(iter(pictures), how))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 3]
    found = np.concatenate(pieces)
    assert found.dtype == np.uint8 and found.shape[1:] == (how.height, how.width, 3)
    assert np.array_equal(found, np.stack([array for array in prepared(pictures, how) if not isinstance(array, str)]))


def test_no_picture_is_nothing():
    assert list(decoded([], LARGE)) == []


@pytest.mark.parametrize("how", [LARGE, SMALL])
def test_damaged_pictures_are_told_apart_from_whole_ones(how: Preparation):
    pictures = [jpeg(0), (b"no picture", "the second"), jpeg(2), (jpeg(3)[0][:200], "the fourth")]
    found = list(damaged(pictures, how))
    assert [mistake is not None for mistake in found] == [False, True, False, True]
    assert found[1] and "the second" in found[1]
    with pytest.raises(InputError, match="received the second"):
        list(decoded(pictures, how))


def test_little_is_decoded_ahead_of_what_is_asked_for():
    drawn: list[int] = []

    def endless() -> Iterator[tuple[bytes, str]]:
        number = 0
        while True:
            drawn.append(number)
            yield jpeg(number % 5)
            number += 1

    next(decoded(endless(), LARGE))
    assert len(drawn) <= PIECE * decoding.AHEAD * decoding.workers()


def _end(pictures: list, how: Preparation) -> list:
    os._exit(1)


def test_a_decoder_that_crashes_is_a_sentence_and_the_next_one_works(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "prepared", _end)
        with pytest.raises(InputError, match=r"^pictures are decoded in processes of their own: one ended"):
            list(decoded([jpeg(0)], LARGE))
    assert len(next(decoded([jpeg(0)], LARGE))) == 1
