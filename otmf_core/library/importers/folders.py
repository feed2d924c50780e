"""Trees of pictures, a folder per class, with folders of splits above them or without."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.importers.arrays import png
from otmf_core.library.importers.splits import MAX_CLASSES, SPLITS, Dataset, Files, Pictures, in_order
from otmf_core.library.importers.tree import Tree, is_picture
from otmf_core.library.pictures import open_picture

LAYOUT = "folders of classes"
RULE = "a data set is a folder of Parquet tables, tars, arrays or a folder of pictures per class"
MAX_PICTURE_BYTES = 256 << 20


def open_folders(path: Path) -> Dataset:
    """The data set in a tree of folders; classes are their names, sorted, and without splits all is train.

    Raises InputError when there are no class folders, one is empty in every split, or a split is there twice.
    """
    if not path.is_dir():
        raise InputError(f"{RULE}: {path} is a file of another kind")
    tree = Tree(path)
    top = _unwrapped(tree)
    folders, _ = tree.listed(top)
    found: dict[str, str] = {}
    for name in folders:
        split = SPLITS.get(name.lower())
        if split and tree.listed(_join(top, name))[0]:  # a class may be called so too
            if split in found:
                raise InputError(f"a split is there once: {shown(found[split])} and {shown(name)} are in {path}")
            found[split] = name
    roots = {split: _join(top, name) for split, name in found.items()} or {"train": top}
    inner = {split: tree.listed(root)[0] for split, root in roots.items()}
    classes = tuple(sorted({name for names in inner.values() for name in names}))
    if not classes:
        raise InputError(f"{RULE}: {path} is none")
    if len(classes) > MAX_CLASSES:
        raise InputError(f"a data set has at most {MAX_CLASSES:,} classes: {len(classes):,} folders are in {path}")
    splits = {split: _read_split(tree, root, inner[split], classes) for split, root in roots.items()}
    return Dataset(LAYOUT, path, classes, in_order(splits))


def reads(name: str) -> bool:
    return is_picture(name)


def read(file: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """The picture that a file is, once a row; a PPM comes as PNG."""
    for _ in rows:
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_PICTURE_BYTES + 1)
        except OSError as error:
            raise InputError(f"a picture must be readable: {file} ({error.strerror})") from None
        if len(data) > MAX_PICTURE_BYTES:
            raise InputError(f"a picture has at most {MAX_PICTURE_BYTES >> 20} MiB: {file} has more")
        if file.suffix.lower() in (".ppm", ".pgm"):  # of GTSRB's signs
            import numpy as np

            data = png(np.asarray(open_picture(data, str(file), ("PPM", "PNG"))))
        yield data


def _unwrapped(tree: Tree) -> str:
    """The folder that more than one folder lies in: archives unpack into one of their own."""
    top = ""
    while True:
        folders, files = tree.listed(top)
        if len(folders) != 1 or any(map(is_picture, files)) or not tree.listed(_join(top, folders[0]))[0]:
            return top
        if folders[0].lower() in SPLITS:
            return top
        top = _join(top, folders[0])


def _read_split(tree: Tree, root: str, folders: list[str], classes: tuple[str, ...]) -> Pictures:
    numbers = {name: number for number, name in enumerate(classes)}
    names: list[str] = []
    labels = array("q")
    for folder in folders:
        own = sorted(tree.pictures(_join(root, folder)))
        if not own:
            raise InputError(f"a class folder holds pictures: {shown(_join(root, folder))} is empty in {tree.root}")
        names += own
        labels.extend([numbers[folder]] * len(own))
    return Files(tree.root, names, labels)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
