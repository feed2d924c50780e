"""Arrays of NumPy: names, shapes and types, and archives that lie."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otmf_core.library.importers.datasets import open_dataset
from tests.library.importers.made_pictures import decoded, pixels, refused

GREY, COLOUR = pixels(0, 4, 6, 5), pixels(1, 4, 6, 5, 3)
LABELS = np.array([0, 2, 1, 2])


def save(folder: Path, **arrays: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "data.npz", **arrays)
    return folder


def test_an_archive_of_splits_as_keras_has_them(tmp_path: Path):
    path = save(tmp_path, x_train=GREY, y_train=LABELS.astype(np.uint8), x_test=GREY[:2] // 2, y_test=LABELS[:2, None])
    for where in (path, path / "data.npz"):
        dataset = open_dataset(where)
        assert dataset.layout == "NumPy arrays" and dataset.classes == () and [*dataset.splits] == ["train", "test"]
        assert [picture.label for picture in dataset.splits["train"]] == [0, 2, 1, 2]
        assert [picture.label for picture in dataset.splits["test"]] == [0, 2]
        for split, expected in (("train", GREY), ("test", GREY[:2] // 2)):
            found = np.stack(decoded(dataset.splits[split]))
            assert (found == expected[..., None]).all()
    mixed = [dataset.splits["test"][1], dataset.splits["train"][3], dataset.splits["test"][0]]
    assert (decoded(mixed)[1][..., 0] == GREY[3]).all()


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GREY[..., None], GREY[..., None]),
        (GREY[:, None], GREY[..., None]),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR),
        (np.asfortranarray(COLOUR), COLOUR),
        (COLOUR.astype(np.float32) / 255, COLOUR),
        (COLOUR.astype(np.float64).transpose(0, 3, 1, 2) / 255, COLOUR),
    ],
)
def test_shapes_and_types(tmp_path: Path, images: np.ndarray, expected: np.ndarray):
    dataset = open_dataset(save(tmp_path, images=images, labels=LABELS))
    assert (np.stack(decoded(dataset.splits["train"])) == expected).all()


def test_files_of_arrays(tmp_path: Path):
    for split, count in (("train", 4), ("val", 2)):
        (tmp_path / split).mkdir()
        np.save(tmp_path / f"{split}/images.npy", COLOUR[:count])
        np.save(tmp_path / f"{split}/labels.npy", LABELS[:count])
    dataset = open_dataset(tmp_path)
    assert {split: len(own) for split, own in dataset.splits.items()} == {"train": 4, "validation": 2}
    assert (np.stack(decoded(dataset.splits["validation"])) == COLOUR[:2]).all()
    assert [*open_dataset(tmp_path / "val").splits] == ["train"]  # of which nothing says otherwise


def test_archives_of_one_split_each(tmp_path: Path):
    np.savez_compressed(tmp_path / "train.npz", images=COLOUR, labels=LABELS)
    np.savez_compressed(tmp_path / "test.npz", images=COLOUR[:1], labels=LABELS[:1])
    assert {split: len(own) for split, own in open_dataset(tmp_path).splits.items()} == {"train": 4, "test": 1}


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": GREY}, "a split has images and labels: train has no labels in "),
        ({"images": GREY, "labels": LABELS[:3]}, "each image has a label: train has 4 and 3 in "),
        ({"images": GREY, "labels": LABELS - 1}, "pictures have a class: train has unlabelled ones (-1) in "),
        ({"images": GREY, "labels": LABELS / 2}, "labels are whole numbers, (n,): 'labels' is float64 (4,) in "),
        ({"images": GREY, "labels": np.eye(4)}, "labels are whole numbers, (n,): 'labels' is float64 (4, 4) in "),
        ({"images": GREY.astype(int), "labels": LABELS}, "images are bytes or floating point: 'images' is int64 in "),
        ({"images": GREY[..., None, None], "labels": LABELS}, "images are (n, height, width), perhaps with 1 or 3 "),
        ({"images": pixels(0, 4, 6, 5, 2), "labels": LABELS}, "images are (n, height, width), perhaps with 1 or 3 "),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "a split holds pictures: train is empty in "),
        ({"weights": GREY}, "arrays of a data set are named x_train, y_train or images, labels: none is so in "),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str):
    assert refused(save(tmp_path, **arrays)).startswith(sentence)


def test_floats_beyond_one_are_refused(tmp_path: Path):
    for images in (GREY.astype(np.float32), GREY / 255 - 1, np.full((4, 2, 2), np.nan)):
        assert "of 0 to 1" in refused(save(tmp_path, images=images, labels=LABELS), read=True)


def test_no_code_is_run(tmp_path: Path):
    objects = np.array([print] * 4, dtype=object)
    assert "'images' has pickled objects in" in refused(save(tmp_path, images=objects, labels=LABELS))
    assert "'labels' has pickled objects in" in refused(save(tmp_path, images=GREY, labels=objects))
    (tmp_path / "data.npz").unlink()
    np.save(tmp_path / "images.npy", objects)
    np.save(tmp_path / "labels.npy", LABELS)
    assert "'images.npy' has pickled objects in" in refused(tmp_path)


def test_archives_that_lie_are_refused(tmp_path: Path):
    save(tmp_path, images=GREY, labels=LABELS)
    whole = (tmp_path / "data.npz").read_bytes()
    (tmp_path / "data.npz").write_bytes(whole[:-100])
    rule = "arrays of a data set are images and labels, numbers that no code makes: "
    assert refused(tmp_path).startswith(rule)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1000, 10**5, 10**5)}
    )
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + b"few")
    assert "at most 4 GiB" in refused(tmp_path)
    (tmp_path / "data.npz").unlink()
    np.save(tmp_path / "images.npy", COLOUR)
    np.save(tmp_path / "labels.npy", LABELS)
    whole = (tmp_path / "images.npy").read_bytes()
    (tmp_path / "images.npy").write_bytes(whole[:-10])
    assert refused(tmp_path, read=True).startswith(rule)


def test_what_holds_two_data_sets_is_refused(tmp_path: Path):
    save(tmp_path, images=GREY, labels=LABELS)
    (tmp_path / "train-0.tar").write_bytes(b"")
    assert refused(tmp_path).startswith(f"a folder holds one data set: there are 2 in {tmp_path}")
