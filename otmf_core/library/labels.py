"""The labels of a split: numbers of classes or of answers, or numbers on a scale; examples are not read with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.manifest import TaskInfo
from otmf_core.tables import read_table, table_rows

TABLE = "examples come as a Parquet table, their labels in a column label"
MAX_ROWS = 2_000_000  # of a split


def count(path: Path) -> int:
    """The number of examples in a table, from its footer; raises InputError when it is damaged."""
    return table_rows(path, TABLE)


def labels_of(path: Path, task: TaskInfo) -> Sequence[float]:
    """The labels in a table of a task, numbers of its classes or on its scale; raises InputError on what is none."""
    return _read_numbers(path) if task.metric == "spearman" else read_labels(path)


def read_labels(path: Path) -> list[int]:
    """Those of classes, −1 where there is none; raises InputError on a damaged table."""
    import pyarrow as pa

    column = read_table(path, ["label"], TABLE, max_rows=MAX_ROWS)["label"]
    labels: list[int] = []
    try:
        for chunk in column.chunks:
            if isinstance(chunk, pa.DictionaryArray):  # texts, of which a number may be made
                numbers = chunk.dictionary.cast(pa.int32())
                chunk = numbers.take(chunk.indices)
            if not pa.types.is_integer(chunk.type):  # a cast loads all of pyarrow.compute
                chunk = chunk.cast(pa.int32())
            labels += [-1 if label is None else label for label in chunk.to_pylist()]
    except (pa.ArrowException, TypeError) as error:
        raise InputError(f"{TABLE}: {path} (label: {brief(error)})") from None
    return labels


def check_labels(labels: Sequence[float], task: TaskInfo, split: str, path: Path) -> None:
    """Raise InputError when a split is empty, has a label that is no class or, the test aside, a single one.

    Of a task compared by rank labels differ in every split. `path` is where they come from.
    """
    if not labels:
        raise InputError(f"a {split} set needs examples: {task.name} has none in {path}")
    if task.metric == "spearman":
        if len(set(labels)) < 2:
            raise InputError(f"ranks are of labels that differ: all of {task.name} are {labels[0]:g} in {path}")
        return
    if min(labels) < 0 or max(labels) >= len(task.classes):
        raise InputError(f"labels lie in 0…{len(task.classes) - 1}: found {min(labels)} to {max(labels)} in {path}")
    if split != "test" and len(set(labels)) < 2:
        only = shown(task.classes[int(labels[0])], 40)
        raise InputError(f"a {split} set needs at least two classes: {task.name} has one, {only}, in {path}")


def _read_numbers(path: Path) -> list[float]:
    column = read_table(path, ["label"], TABLE, max_rows=MAX_ROWS)["label"].to_pylist()
    for number, label in enumerate(column):
        sound = isinstance(label, (int, float)) and not isinstance(label, bool) and abs(label) < float("inf")
        if not sound:
            raise InputError(f"labels are numbers: {shown(label)} is none, in row {number} of {path}")
    return [float(label) for label in column]
