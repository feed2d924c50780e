"""Splits drawn by seed: disjoint, from train and test as the data set has them, and never from test unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.errors import InputError
from otmf_core.library.importers.datasets import Dataset, Picture
from otmf_core.library.making.splits import Sizes, draw


def dataset(**counts: int) -> Dataset:
    splits = {name: [Picture(Path(name), row, row % 3) for row in range(count)] for name, count in counts.items()}
    return Dataset("folders", Path("somewhere/birds"), (), splits)


def places(pictures) -> set[tuple[str, int]]:
    return {(str(picture.file), picture.row) for picture in pictures}


def test_calibration_and_labelled_come_from_train_and_share_nothing():
    drawn = draw(dataset(train=100, test=30), Sizes(20, 50), seed=3)
    splits = {name: places(pictures) for name, pictures in drawn.splits.items()}
    assert {name: len(found) for name, found in splits.items()} == {"calibration": 20, "labelled": 50, "test": 30}
    assert not splits["calibration"] & splits["labelled"]
    assert {file for file, _ in splits["calibration"] | splits["labelled"]} == {"train"}
    assert {file for file, _ in splits["test"]} == {"test"}
    assert (drawn.train_source, drawn.test_source) == ("birds: train", "birds: test")


def test_the_seed_decides():
    first, again, other = (draw(dataset(train=100, test=30), Sizes(20, 50, 9), seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert all(places(first.splits[name]) != places(other.splits[name]) for name in first.splits)


def test_calibration_images_come_from_test_when_that_is_asked_for():
    drawn = draw(dataset(train=100, test=30), Sizes(20, 50), seed=0, transductive=True)
    assert {file for file, _ in places(drawn.splits["calibration"])} == {"test"}
    assert {file for file, _ in places(drawn.splits["labelled"])} == {"train"}
    assert len(drawn.splits["test"]) == 30
    only_test = draw(dataset(test=30), Sizes(20, 50), seed=0, transductive=True)
    assert len(only_test.splits["calibration"]) == 20 and not only_test.splits["labelled"]


@pytest.mark.parametrize("name", ["validation", "test"])
def test_the_validation_split_is_the_test_where_there_is_no_other(name: str):
    drawn = draw(dataset(train=40, **{name: 20}), Sizes(), seed=0)
    assert drawn.test_source == f"birds: {name}"
    both = draw(dataset(train=40, validation=20, test=10), Sizes(), seed=0)
    assert both.test_source == "birds: test" and len(both.splits["test"]) == 10


def test_a_data_set_without_splits_is_divided():
    drawn = draw(dataset(train=50), Sizes(10, 0), seed=0)
    splits = {name: places(pictures) for name, pictures in drawn.splits.items()}
    assert {name: len(found) for name, found in splits.items()} == {"calibration": 10, "labelled": 30, "test": 10}
    assert not splits["test"] & (splits["calibration"] | splits["labelled"])
    assert drawn.test_source == "birds: train, 20% held out by seed 0"


def test_half_of_few_pictures_stay_for_heads():
    drawn = draw(dataset(train=11, test=3), Sizes(256, 2048), seed=0)
    assert {name: len(found) for name, found in drawn.splits.items()} == {"calibration": 6, "labelled": 5, "test": 3}
    assert len(draw(dataset(train=11, test=3), Sizes(256, 0), seed=0).splits["calibration"]) == 6


@pytest.mark.parametrize("counts", [{"test": 9}, {"extra": 3, "train": 3}, {"validation": 4, "test": 4}, {}])
def test_splits_that_a_merge_cannot_use(counts: dict):
    with pytest.raises(InputError, match=r"^a data set has splits train and test \(or validation, valid, val\)"):
        draw(dataset(**counts), Sizes(), seed=0)
