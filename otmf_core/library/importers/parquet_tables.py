"""Data sets as the hub writes them: Parquet tables, in shards, of splits, of configurations, with a card or without."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.encoded import picked_pictures
from otmf_core.library.importers.cards import configured, names_in_card, names_in_schema, read_card
from otmf_core.library.importers.splits import (
    MAX_CLASSES,
    MAX_ROWS,
    Dataset,
    Rows,
    by_number,
    check_rows,
    choose,
    in_order,
    split_in,
)
from otmf_core.tables import read_table, table_rows, table_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

LAYOUT = "Parquet tables"
RULE = "images come as Parquet tables with a column of images and one of labels"
IMAGE = ("image", "img", "jpg", "jpeg", "png", "webp", "img_bytes")
LABEL = ("label", "labels", "fine_label", "cls", "class")
Labels = tuple["np.ndarray", list[str] | None]  # numbers, or positions in a list of texts


def find(files: Sequence[str]) -> set[str]:
    """The folder itself, if there are tables in it."""
    return {""} if any(map(reads, files)) else set()


def reads(name: str) -> bool:
    return name.endswith(".parquet")


def open_parquet(path: Path, files: Sequence[str], config: str | None) -> Dataset:
    """The data set in the tables of a folder, or in one; splits that are not read are left out.

    Raises InputError when there are several configurations and none is named, on missing columns, and on labels that
    are neither whole numbers nor names of classes.
    """
    card = read_card(path) if path.is_dir() else {}
    configs: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in sorted(filter(reads, files), key=by_number):
        where = configured(card, name) or _placed(name)
        if path.is_file():
            where = ("", split_in(path.name) or "train")
        if where:
            configs[where[0]][where[1]].append(name)
    if not configs:
        raise InputError(f"tables of a data set name their split, as train-00000-of-00001: none does in {path}")
    chosen = choose(config, configs, path)
    folder = path if path.is_dir() else path.parent
    tables = {split: [folder / name for name in each] for split, each in configs[chosen].items()}
    schema = table_schema(next(iter(tables.values()))[0], RULE)
    column = _column(schema, LABEL, "labels", path)
    classes = names_in_schema(schema, column) or names_in_card(card, chosen, column)
    found: dict[Path, Labels] = {}
    for shards in tables.values():
        check_rows(sum(table_rows(file, RULE) for file in shards), path)
        found |= {file: _labels(file, column) for file in shards}
    classes, numbers = _numbered(found, classes, path)
    splits = {split: Rows((file, 0, numbers[file]) for file in shards) for split, shards in tables.items()}
    return Dataset(LAYOUT, path, classes, in_order(splits))


def read(file: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """The pictures in rows of a table, as they are stored; a row group is held at a time, so ascending rows are quick.

    Raises InputError on a damaged table and on an image without bytes.
    """
    column = _column(table_schema(file, RULE), IMAGE, "images", file)
    return picked_pictures(file, column, RULE, rows)


def _placed(name: str) -> tuple[str, str] | None:
    """The configuration and the split of a table by its place: data/train-…, <config>/train-…, <config>/train/0000…"""
    *folders, own = name.split("/")
    split = split_in(name)
    if split is None:
        return None
    if folders and split_in(own) is None:
        folders.pop()
    return "/".join(folder for folder in folders if folder not in ("data", "default")), split


def _column(schema: pa.Schema, names: Sequence[str], what: str, where: Path) -> str:
    for name in names:
        if name in schema.names:
            return name
    found = shown(", ".join(schema.names), 100)
    raise InputError(f"a column of {what} is called {', '.join(names)}: the columns are {found} in {where}")


def _labels(file: Path, column: str) -> Labels:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values: Any = read_table(file, [column], RULE, max_rows=MAX_ROWS)[column]
    if values.null_count:
        raise InputError(f"pictures have a class: {values.null_count:,} rows are unlabelled in {file}")
    try:
        values = values.unify_dictionaries().combine_chunks()
        if pa.types.is_dictionary(values.type):
            kinds = values.dictionary.cast(pa.string())
            if len(kinds) > MAX_CLASSES:
                raise InputError(f"labels name at most {MAX_CLASSES:,} classes: {len(kinds):,} are in {file}")
            return values.indices.cast(pa.int64()).to_numpy(zero_copy_only=False), kinds.to_pylist()
        if pa.types.is_boolean(values.type) or pa.types.is_integer(values.type):
            return np.asarray(pc.cast(values, pa.int64())), None
    except (pa.ArrowException, TypeError) as error:
        raise InputError(f"{RULE}: {file} ({column}: {brief(error)})") from None
    raise InputError(f"labels are whole numbers or names of classes: {column} is {shown(values.type)} in {file}")


def _numbered(
    found: Mapping[Path, Labels], classes: tuple[str, ...], where: Path
) -> tuple[tuple[str, ...], dict[Path, np.ndarray]]:
    """Classes, and labels as numbers: texts are names of them, or digits, or where nothing names them, their names."""
    import numpy as np

    texts = {text for _, names in found.values() for text in names or ()}
    numbers = {name: number for number, name in enumerate(classes)}
    if not texts <= {*numbers}:
        if all(text.isdecimal() and len(text) < 10 for text in texts):
            numbers = {text: int(text) for text in texts}
        elif classes:
            unknown = min(texts - {*numbers})
            raise InputError(f"labels are names of classes: {shown(unknown)} is none of {len(classes)} in {where}")
        elif len(texts) > MAX_CLASSES:
            raise InputError(f"labels name at most {MAX_CLASSES:,} classes: {len(texts):,} are in {where}")
        else:
            classes = tuple(sorted(texts))
            numbers = {name: number for number, name in enumerate(classes)}
    return classes, {
        file: values if names is None else np.asarray([numbers[name] for name in names], np.int64)[values]
        for file, (values, names) in found.items()
    }
