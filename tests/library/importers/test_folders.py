"""Folders of classes: splits, order, hidden files, links, and a large tree that is listed quickly."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from otmf_core.library.importers.datasets import open_dataset
from tests.library.importers.made_pictures import pixels, refused, same, write

torchvision = pytest.importorskip("torchvision")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for number, name in enumerate(["train/cat/1.png", "train/cat/2.png", "train/ant/b/3.png", "val/cat/4.png"]):
        write(tmp_path / name, pixels(number))
    write(tmp_path / "val/ant/5.png", pixels(5))
    return tmp_path


def test_a_tree_with_splits_reads_as_torchvision_reads_it(tree: Path):
    (tree / "README.md").write_text("pictures")
    (tree / "train/cat/.DS_Store").write_text("")
    (tree / "train/cat/notes.txt").write_text("")
    (tree / "train/.cache").mkdir()
    write(tree / "gaussian_noise/cat/1.png", pixels(9))
    dataset = open_dataset(tree)
    assert dataset.classes == ("ant", "cat") and [*dataset.splits] == ["train", "validation"]
    assert len(dataset.splits["train"]) == 3 and dataset.where == tree
    (tree / "train/.cache").rmdir()  # which torchvision would have as a class
    for split, folder in (("train", "train"), ("validation", "val")):
        assert same(dataset.splits[split], torchvision.datasets.ImageFolder(str(tree / folder)))


def test_without_splits_all_is_train_and_a_class_may_be_called_train(tmp_path: Path):
    for name in ("train/1.png", "plane/1.jpg", "plane/2.webp"):
        write(tmp_path / name, pixels(1))
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("plane", "train")
    assert {split: len(pictures) for split, pictures in dataset.splits.items()} == {"train": 3}


def test_a_folder_of_an_archive_is_entered(tmp_path: Path):
    for name in ("2750/River/River_1.jpg", "2750/Forest/Forest_1.jpg"):
        write(tmp_path / name, pixels(1))
    assert open_dataset(tmp_path).classes == ("Forest", "River")


def test_pictures_are_made_when_they_are_asked_for(tree: Path):
    pictures = open_dataset(tree).splits["train"]
    assert [picture.file.name for picture in pictures[1:]] == ["1.png", "2.png"]
    assert pictures[-1].label == 1 and pictures[-1].row == 0
    with pytest.raises(IndexError):
        pictures[3]


def test_links_stay_inside(tree: Path, tmp_path_factory: pytest.TempPathFactory):
    (tree / "train/cat/link.png").symlink_to(tree / "train/cat/1.png")
    assert len(open_dataset(tree).splits["train"]) == 4
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    write(secret, pixels(1))
    (tree / "train/cat/link.png").unlink()
    (tree / "train/cat/link.png").symlink_to(secret)
    assert "leads out" in refused(tree)
    (tree / "train/cat/link.png").unlink()
    (tree / "train/link").symlink_to(tree / "train")
    assert "leads to a folder" in refused(tree)
    (tree / "train/link").unlink()
    (tree / "train/link").symlink_to("nothing")
    assert "leads nowhere" in refused(tree)


def test_the_hubs_cache_has_its_pictures_in_blobs(tmp_path: Path):
    for name in ("ant", "cat"):
        write(tmp_path / f"blobs/{name}.png", pixels(1))
        (tmp_path / f"snapshots/1a2b/{name}").mkdir(parents=True)
        (tmp_path / f"snapshots/1a2b/{name}/1.png").symlink_to(f"../../../blobs/{name}.png")
    assert len(open_dataset(tmp_path / "snapshots/1a2b").splits["train"]) == 2


def test_what_is_no_data_set_is_refused(tree: Path):
    (tree / "train/dog").mkdir()
    assert refused(tree) == f"a class folder holds pictures: 'train/dog' is empty in {tree}"
    (tree / "train/dog").rmdir()
    write(tree / "valid/cat/1.png", pixels(1))
    assert refused(tree) == f"a split is there once: 'val' and 'valid' are in {tree}"
    assert refused(tree / "train/cat").startswith("a data set is a folder of Parquet tables, tars, arrays or a folder")
    assert refused(tree / "nothing") == f"a data set is missing: {tree / 'nothing'}"
    assert refused(tree / "train/cat/1.png").startswith("a data set is a folder of")
    deep = tree / "train/cat/1/2/3/4/5"
    deep.mkdir(parents=True)
    assert "deep" in refused(tree)


def test_a_picture_that_is_gone_or_too_large_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("otmf_core.library.importers.folders.MAX_PICTURE_BYTES", 20)
    assert "has more" in refused(tree, read=True)
    pictures = open_dataset(tree)
    (tree / "train/cat/1.png").unlink()
    os.symlink("nothing", tree / "train/cat/1.png")
    assert pictures.splits["train"][1].file.name == "1.png"


def test_a_large_tree_is_listed_quickly(tmp_path: Path):
    picture = tmp_path / "0/0.jpg"
    picture.parent.mkdir()
    picture.write_bytes(b"")
    for number in range(1, 20):
        (tmp_path / f"{number}").mkdir()
    for number in range(20_000):
        os.link(picture, tmp_path / f"{number % 20}/{number + 1}.jpg")
    start = time.perf_counter()
    dataset = open_dataset(tmp_path)
    assert len(dataset.splits["train"]) == 20_001
    assert time.perf_counter() - start < 3  # a fifth of a second, on a machine at rest
