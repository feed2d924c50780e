"""Data sets whose pictures lie in folders beside an index of their splits and labels, as their makers publish them.

DTD, Food-101, Flowers-102, GTSRB, Oxford-IIIT Pet, Stanford Cars, and SUN397, which has an index of its classes alone.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.library.importers.mat_file import load_mat
from otmf_core.library.importers.splits import Dataset, Files, Pictures, in_order
from otmf_core.library.importers.tree import Tree, read_text

Found = tuple[tuple[str, ...], dict[str, Pictures]]


def find(files: Sequence[str]) -> set[str]:
    """The folders with such an index."""
    found = [(name, index) for name in files for index in INDICES if f"/{name}".endswith(f"/{index}")]
    return {name.removesuffix(index).rstrip("/") for name, index in found}


def open_indexed(path: Path, files: Sequence[str], config: str | None) -> Dataset:
    """The data set in a folder; raises InputError on a damaged index, and when a picture that it names is not there."""
    layout, read = next(INDICES[name] for name in INDICES if name in files)
    try:
        classes, splits = read(path)
    except InputError:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, csv.Error) as error:
        raise InputError(f"an index names pictures and their classes: {path} ({type(error).__name__})") from None
    return Dataset(layout, path, classes, in_order(splits))


def _files(folder: Path, names: Iterable[str], labels: Iterable[int], there: set[str]) -> Pictures:
    """The pictures of a split. Those that are not in the folder, or lead out of it, are not `there`."""
    listed = [*names]
    missing = next((name for name in listed if name not in there), None)
    if missing is not None:
        raise InputError(f"a picture that an index names is in its folder: {shown(missing)} is not in {folder}")
    return Files(folder, listed, labels)


def _lines(path: Path) -> list[str]:
    return [line for line in map(str.strip, read_text(path).splitlines()) if line and not line.startswith("#")]


def _dtd(path: Path) -> Found:
    """The first of its ten partitions."""
    there = {*Tree(path).pictures("images")}
    named = {split: _lines(path / f"labels/{split}1.txt") for split in ("train", "val", "test")}
    classes = sorted({line.split("/")[0] for lines in named.values() for line in lines})
    numbers = {name: number for number, name in enumerate(classes)}
    splits = {
        "validation" if split == "val" else split: _files(
            path, [f"images/{line}" for line in lines], [numbers[line.split("/")[0]] for line in lines], there
        )
        for split, lines in named.items()
    }
    return tuple(classes), splits


def _food(path: Path) -> Found:
    there = {*Tree(path).pictures("images")}
    named = {split: read_object(path / f"meta/{split}.json") for split in ("train", "test")}
    classes = sorted({name for each in named.values() for name in each})
    splits = {}
    for split, each in named.items():
        pairs = [(f"images/{name}.jpg", classes.index(own)) for own, names in each.items() for name in names]
        splits[split] = _files(path, [name for name, _ in pairs], [label for _, label in pairs], there)
    return tuple(classes), splits


def _flowers(path: Path) -> Found:
    there = {*Tree(path).pictures("jpg")}
    labels = load_mat(path / "imagelabels.mat", "labels").ravel()
    splits = {}
    for split, key in (("train", "trnid"), ("validation", "valid"), ("test", "tstid")):
        ids = load_mat(path / "setid.mat", key).ravel().tolist()
        names = [f"jpg/image_{number:05d}.jpg" for number in ids]
        splits[split] = _files(path, names, [int(labels[number - 1]) - 1 for number in ids], there)
    return (), splits


def _signs(path: Path) -> Found:
    tree = Tree(path)
    pictures = sorted(tree.pictures("GTSRB/Training"))
    splits: dict[str, Pictures] = {}
    splits["train"] = _files(path, pictures, [int(name.split("/")[2]) for name in pictures], {*pictures})
    rows = list(csv.DictReader(_lines(path / "GT-final_test.csv"), delimiter=";", skipinitialspace=True))
    folder = "GTSRB/Final_Test/Images"
    names, labels = [f"{folder}/{row['Filename']}" for row in rows], [int(row["ClassId"]) for row in rows]
    splits["test"] = _files(path, names, labels, {*tree.pictures(folder)})
    return (), splits


def _pets(path: Path) -> Found:
    there = {*Tree(path).pictures("images")}
    splits: dict[str, Pictures] = {}
    classes: dict[int, str] = {}
    for split, name in (("train", "trainval"), ("test", "test")):
        rows = [line.split() for line in _lines(path / f"annotations/{name}.txt")]
        classes |= {int(row[1]) - 1: " ".join(row[0].split("_")[:-1]).title() for row in rows}
        labels = [int(row[1]) - 1 for row in rows]
        splits[split] = _files(path, [f"images/{row[0]}.jpg" for row in rows], labels, there)
    return tuple(classes[number] for number in range(len(classes))), splits


def _cars(path: Path) -> Found:
    splits = {}
    for split, index in (("train", "devkit/cars_train_annos.mat"), ("test", "cars_test_annos_withlabels.mat")):
        rows = load_mat(path / index, "annotations")
        folder = f"cars_{split}"
        names, labels = [f"{folder}/{row['fname']}" for row in rows], [int(row["class"].item()) - 1 for row in rows]
        splits[split] = _files(path, names, labels, {*Tree(path).pictures(folder)})
    return tuple(map(str, load_mat(path / "devkit/cars_meta.mat", "class_names"))), splits


def _scenes(path: Path) -> Found:
    """Without splits, so all is train; a class is a folder below one of its first letter."""
    classes = [line[3:] for line in _lines(path / "ClassName.txt")]
    numbers = {name: number for number, name in enumerate(classes)}
    names = sorted(name for name in Tree(path).pictures("") if name.rpartition("/")[2].startswith("sun_"))
    labels = [numbers["/".join(name.split("/")[1:-1])] for name in names]
    return tuple(classes), {"train": _files(path, names, labels, {*names})}


INDICES: dict[str, tuple[str, Callable[[Path], Found]]] = {
    "labels/train1.txt": ("DTD", _dtd),
    "meta/train.json": ("Food-101", _food),
    "imagelabels.mat": ("Flowers-102", _flowers),
    "GT-final_test.csv": ("GTSRB", _signs),
    "annotations/trainval.txt": ("Oxford-IIIT Pet", _pets),
    "devkit/cars_meta.mat": ("Stanford Cars", _cars),
    "ClassName.txt": ("SUN397", _scenes),
}
