"""Data sets of texts on disk: Parquet tables, JSON lines, CSV or TSV, a file or the shards of each split."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.importers.splits import MAX_ROWS, by_number
from otmf_core.tables import read_table

RULE = "texts come as Parquet tables, JSON lines, CSV or TSV, a column for each field of the prompt and one of labels"
LABEL = ("label", "labels", "target", "targets", "score")
ENDINGS = (".parquet", ".jsonl", ".csv", ".tsv")
MAX_BYTES = 2 << 30  # of a file of text
SPLITS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation"}
SPLITS |= {"dev": "validation", "test": "test"}
# MNLI has two of each, of which the matched one is meant.
PART = r"(?:[-_.]?\d+(?:-of-\d+)?(?:-[0-9a-f]+)?)?"  # the number of a shard
OWN_NAME = re.compile(rf"(?:.*[-_.])?({'|'.join(SPLITS)})(?:[-_]matched)?{PART}\.(?:parquet|jsonl|csv|tsv)")


class Row(NamedTuple):
    """A labelled text: its fields in the prompt's order, its label, and where it stands."""

    texts: tuple[str, ...]
    label: float
    where: str


@dataclass(frozen=True)
class TextDataset:
    """A data set on disk: its splits train, validation and test, as far as it has them, of rows with words and labels.

    `empty` names the rows that were left out for having none in a field.
    """

    where: Path
    splits: Mapping[str, Sequence[Row]]
    empty: tuple[str, ...]


def open_texts(path: Path, fields: Sequence[str], answers: Sequence[str], numeric: bool) -> TextDataset:
    """The data set in a folder, or in one file, for a prompt with these fields.

    Labels are numbers of answers or the answers themselves; of `numeric` ones, numbers. A split without a label (of
    -1 alone), as GLUE has its tests, is left out. Raises InputError when nothing can be read, on a column that is
    missing, on texts that are none or all empty, and on labels outside the answers.
    """
    tables = _tables(path)
    splits: dict[str, list[Row]] = {}
    empty: list[str] = []
    for split, files in tables.items():
        found = [(row, file, number) for file in files for number, row in enumerate(_rows(file, fields))]
        labels = [row.get(_label_column(row, file)) for row, file, _ in found]
        if not found or all(label in (None, -1, "-1", "") for label in labels):
            continue
        rows = []
        for (row, file, number), label in zip(found, labels, strict=True):
            where = f"row {number} of {file.name}"
            texts = tuple(_text(row.get(field), field, number, file) for field in fields)
            if not all(text.strip() for text in texts):
                empty.append(where)
                continue
            rows.append(Row(texts, _labelled(label, answers, numeric, f"row {number} of {file}"), where))
        if not rows:
            raise InputError(f"texts of a data set have words: all {len(found):,} of {split} are empty in {path}")
        splits[split] = rows
    if not splits:
        raise InputError(f"a data set has texts with labels: there are none in {path}")
    return TextDataset(path, splits, tuple(empty))


def _tables(path: Path) -> dict[str, list[Path]]:
    """The files of every split; a single file of no split is to be divided."""
    if path.is_file():
        if path.suffix not in ENDINGS:
            raise InputError(f"{RULE}: received {shown(path.name)}")
        return {"train": [path]}
    if not path.is_dir():
        raise InputError(f"a data set is missing: {path}")
    files = [file for folder in (path, path / "data") if folder.is_dir() for file in folder.iterdir() if file.is_file()]
    files = [file for file in files if file.suffix in ENDINGS]
    found: dict[str, list[Path]] = {}
    for file in sorted(files, key=lambda file: by_number(file.name)):
        own = OWN_NAME.fullmatch(file.name.lower())
        if own:
            found.setdefault(SPLITS[own[1]], []).append(file)
    if not found and len(files) == 1:
        return {"train": files}
    if not found:
        folders = ", ".join(sorted(each.name for each in path.iterdir() if each.is_dir())[:8])
        several = f"; its configurations are {folders}" if folders else ""
        raise InputError(f"files of a data set are named after their split, as train.csv: none is in {path}{several}")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def _rows(file: Path, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a file; raises InputError on a damaged one, and where the first lacks a field."""
    read = {".parquet": _parquet, ".jsonl": _json_lines}.get(file.suffix, _separated)
    for number, row in enumerate(read(file)):
        if number >= MAX_ROWS:
            raise InputError(f"a split has at most {MAX_ROWS:,} texts: there are more in {file}")
        for field in fields if not number else ():
            if field not in row:
                columns = shown(", ".join(map(str, row)), 100)
                raise InputError(f"a prompt's fields are columns: {field!r} is none of {columns} in {file}")
        yield row


def _label_column(row: Mapping[str, Any], file: Path) -> str:
    for name in LABEL:
        if name in row:
            return name
    raise InputError(f"a column of labels is called {', '.join(LABEL)}: there is none in {file}")


def _text(value: Any, field: str, number: int, file: Path) -> str:
    """The text in a field of a row, "" where there is none; raises InputError on a value of another kind."""
    if value is not None and not isinstance(value, str):
        kind = type(value).__name__
        raise InputError(
            f"a prompt's fields are texts: {field!r} of row {number} is {shown(value, 60)}, {kind}, in {file}"
        )
    return value or ""


def _parquet(file: Path) -> Iterator[dict[str, Any]]:
    table = read_table(file, None, RULE, max_rows=MAX_ROWS)
    try:
        yield from table.to_pylist()
    except UnicodeDecodeError as error:
        raise InputError(f"texts are UTF-8: those of {file} are not ({brief(error)})") from None


def _json_lines(file: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"JSON lines are an object each: line {number} of {file} is not ({brief(error)})"
            ) from None
        if not isinstance(row, dict):
            raise InputError(f"JSON lines are an object each: line {number} of {file} is not")
        yield row


def _separated(file: Path) -> Iterator[dict[str, Any]]:
    comma = file.suffix == ".csv"
    quoting = csv.QUOTE_MINIMAL if comma else csv.QUOTE_NONE
    table = csv.DictReader(_lines(file), delimiter="," if comma else "\t", quoting=quoting, strict=True)
    try:
        for number, row in enumerate(table):
            if None in row:  # a comma without quotes, which would cut the text
                most = len(table.fieldnames or ())
                raise InputError(
                    f"a table has rows of columns: row {number} has more cells than the head, {most}, in {file}"
                )
            yield row
    except csv.Error as error:
        raise InputError(f"a table has rows of columns: {file} has not ({brief(error)})") from None


def _lines(file: Path) -> Iterable[str]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"a file of texts has at most {MAX_BYTES >> 30} GiB: {file} has more")
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield from lines
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"a file of texts is readable and in UTF-8: {file} is not ({brief(error)})") from None


def _labelled(label: Any, answers: Sequence[str], numeric: bool, where: str) -> float:
    """The number of an answer, or a number; raises InputError on anything else."""
    if isinstance(label, str) and not numeric and label.strip() in answers:
        return answers.index(label.strip())
    try:
        number = float(label)
    except (TypeError, ValueError):
        number = float("nan")
    if numeric and abs(number) < float("inf"):
        return number
    if not numeric and number in range(len(answers)):
        return int(number)
    if numeric:
        raise InputError(f"labels are numbers: {shown(label, 60)} is none, in {where}")
    names = shown(", ".join(answers), 120)
    raise InputError(
        f"labels are answers or their numbers, 0 to {len(answers) - 1} of {names}: {shown(label, 60)} in {where}"
    )
