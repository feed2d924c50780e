"""The banks themselves: pico's, which need nothing but scikit-learn, and the parts that every bank is made with."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from otmf_core.minizoo.banks import Bank, keep, without_copies
from otmf_core.minizoo.glyphs import fit
from otmf_core.minizoo.pico_tasks import pico, pico_pretraining
from otmf_core.minizoo.scans import per_class
from otmf_core.minizoo.shapes import LINES, SHAPES, draw_shapes


@pytest.fixture(scope="module")
def two():
    return pico()


def test_pico_banks(two):
    assert [len(task.classes) for task in two] == [10, 4]
    for task in two:
        for bank in (task.train, task.test):
            assert bank.images.shape == (len(bank.labels), 32, 32, 3) and bank.images.dtype == np.uint8
            assert set(bank.labels) == set(range(len(task.classes))) and len(bank.origins) == len(bank.labels)
        assert len(task.test.labels) >= 500
        assert all("{}" in template for template in task.templates)


def test_pico_sources_are_disjoint(two):
    pretraining = {image.tobytes() for _, images, _ in pico_pretraining() for image in images}
    for task in two:
        assert not set(task.train.origins) & set(task.test.origins)
        train, test = ({image.tobytes() for image in bank.images} for bank in (task.train, task.test))
        assert not train & test and not test & pretraining


def test_pico_draws_the_same_images_every_time(two):
    for task, again in zip(two, pico(), strict=True):
        np.testing.assert_array_equal(task.train.images, again.train.images)


def test_pico_captions_name_every_class(two):
    for task, (kind, images, captions) in zip(two, pico_pretraining(), strict=True):
        assert kind == task.kind and len(images) == len(captions)
        assert {task.templates[0].format(name) for name in task.classes} == set(captions)


def test_digits_are_not_blank(two):
    assert (two[0].train.images.max(axis=(1, 2, 3)) > 128).all()
    assert (two[0].train.images.min(axis=(1, 2, 3)) == 0).all()


def test_fit_centres_and_keeps_the_shape():
    ink = fit(Image.new("L", (10, 20), 255))  # scaled by 32 / 20 to 16×32, in the middle of 40×40
    expected = np.zeros((40, 40), np.uint8)
    expected[4:36, 12:28] = 255
    np.testing.assert_array_equal(ink, expected)


def test_fit_keeps_small_letters_smaller():
    ink = fit(Image.new("L", (10, 10), 255), tallest=40)  # a quarter of the tallest: drawn at the root, 32 / 2
    assert (ink > 0).sum() == 16 * 16


def test_copies_leave_the_training_bank():
    drawings = np.zeros((4, 40, 40, 4), np.uint8)
    drawings[1, :20], drawings[2, 20:], drawings[3, :, :20] = 255, 255, 255
    train = Bank(drawings[[1, 2, 3]], np.array([0, 0, 1]), np.array(["a", "b", "c"]))
    test = Bank(drawings[[1, 2]], np.array([0, 1]), np.array(["d", "d"]))
    kept = without_copies(train, test)  # only "a" repeats a test drawing of its own class
    assert kept.origins.tolist() == ["b", "c"] and kept.labels.tolist() == [0, 1]


def test_banks_are_drawn_once(tmp_path):
    drawn = (np.ones((1, 40, 40, 4), np.uint8), np.array([0]), np.array(["x"]))
    first = keep(tmp_path, "some", lambda: drawn)
    second = keep(tmp_path, "some", lambda: pytest.fail("drawn again"))
    np.testing.assert_array_equal(first.images, second.images)
    assert [path.name for path in (tmp_path / "banks").iterdir()] == ["some.npz"]


def test_rows_per_class():
    assert per_class(np.array([1, 0, 1, 1, 0, 0]), 1, 3).tolist() == [2, 3, 4, 5]


def test_shapes():
    images, labels, _ = draw_shapes()
    assert len(images) == len(SHAPES) * len(LINES) * 4 == len(labels)
    assert ((images[..., 3] > 96).sum(axis=(1, 2)) >= 12).all()
    assert not images[..., :3].any()
