"""Data sets of pictures on disk, whatever their layout: found by content, listed without a picture being decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.importers import (
    arrays,
    cifar_batches,
    folders,
    idx_files,
    index_files,
    matrix_files,
    parquet_tables,
    webdataset,
)
from otmf_core.library.importers.splits import Dataset, Picture, check_dataset
from otmf_core.library.importers.tree import Tree

__all__ = ["Dataset", "Picture", "open_dataset", "read_pictures"]


class Layout(NamedTuple):
    """A layout: folders of the data sets in it among files, what opens one, which files it reads, and how."""

    find: Callable[[Sequence[str]], set[str]]
    open: Callable[[Path, Sequence[str], str | None], Dataset]
    reads: Callable[[str], bool]
    read: Callable[[Path, Sequence[int]], Iterator[bytes]]


LAYOUTS = tuple(
    Layout(*each)
    for each in (
        (parquet_tables.find, parquet_tables.open_parquet, parquet_tables.reads, parquet_tables.read),
        (webdataset.find, webdataset.open_tars, webdataset.reads, webdataset.read),
        (arrays.find, arrays.open_arrays, arrays.reads, arrays.read),
        (idx_files.find, idx_files.open_idx, idx_files.reads, idx_files.read),
        (matrix_files.find, matrix_files.open_matrices, matrix_files.reads, matrix_files.read),
        (index_files.find, index_files.open_indexed, folders.reads, folders.read),
        (cifar_batches.find, cifar_batches.open_batches, cifar_batches.reads, cifar_batches.read),
    )
)


def open_dataset(path: Path, config: str | None = None) -> Dataset:
    """The data set in a folder, or in one file; `config` names one of several configurations, where it has them.

    Read are Parquet tables and tars as the hubs have them, arrays of NumPy, what torchvision keeps on disk, and folders
    of classes. Splits are called train, validation, test and extra; others, as of corrupted pictures, are left out.
    Raises InputError when it is none of these, or two, when it is damaged, and on labels that no class has.
    """
    if path.is_file():
        files = [path.name]
    elif path.is_dir():
        files = Tree(path).others()
    else:
        raise InputError(f"a data set is missing: {path}")
    found = [(layout, where) for layout in LAYOUTS for where in sorted(layout.find(files))]
    if len(found) > 1:
        names = shown(", ".join(where or "tables, tars or arrays" for _, where in found), 100)
        raise InputError(f"a folder holds one data set: there are {len(found)} in {path} ({names})")
    if not found:
        return check_dataset(folders.open_folders(path))
    [(layout, where)] = found
    if where:
        files = [name.removeprefix(f"{where}/") for name in files if name.startswith(f"{where}/")]
    return check_dataset(layout.open(path / where, files, config))


def read_pictures(pictures: Sequence[Picture]) -> Iterator[bytes]:
    """The picture files of those pictures, in their order, each read when it is asked for; arrays come as PNG.

    Pictures of one file that follow each other are read together: quickest in the order of their rows. Raises
    InputError on a damaged file and on a picture without bytes; what they hold, `open_picture` checks.
    """
    for file, group in groupby(pictures, key=lambda picture: picture.file):
        layout = next((layout for layout in LAYOUTS if layout.reads(file.name)), None)
        if layout is None or not file.is_file():
            raise InputError(f"pictures are read from picture files, tables, tars and arrays, received {shown(file)}")
        yield from layout.read(file, [picture.row for picture in group])
