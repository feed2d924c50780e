"""Tables of a library's images that are damaged, hold other columns, or labels that no class has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile.case import Case, Damage, Expected, file_bytes, vouched
from tests.hostile.pictures import LABELS, TABLES, picture, written

BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "text": lambda content: b"x" * 99,
    "cut short": lambda content: content[:-9],
    "zero in its body": lambda content: content[:8] + bytes(500) + content[508:],
    "zero in its footer": lambda content: content[:-300] + bytes(200) + content[-100:],
    "of a footer of 2^32 bytes": lambda content: content[:-8] + b"\xff\xff\xff\xff" + content[-4:],
    "encrypted, it says": lambda content: b"PARE" + content[4:-4] + b"PARE",
    "a Feather file, it says": lambda content: b"ARROW1" + content[6:-6] + b"ARROW1",
}


def _labels() -> dict[str, tuple[Any, Expected]]:
    import pyarrow as pa

    count = len(LABELS)
    return {
        "text": (["a"] * count, "refused"),
        "digits": (["0", "1", "2"] * 2, "either"),
        "broken numbers": ([0.5, 1.0] * 3, "refused"),
        "whole floating-point numbers": ([0.0, 1.0, 2.0] * 2, "either"),
        "NaN": ([float("nan"), 1.0] * 3, "refused"),
        "missing": (pa.nulls(count, pa.int32()), "refused"),
        "below zero": ([-1, 1] * 3, "refused"),
        "of a class too many": ([3, 1] * 3, "refused"),
        "huge": ([1 << 40, 1] * 3, "refused"),
        "lists": ([[1]] * count, "refused"),
        "true or false": ([True, False] * 3, "either"),
        "dates": (pa.array([0, 1, 2] * 2, pa.date32()), "either"),
    }


def cases() -> Iterator[Case]:
    """A case for every damage of either table."""
    import pyarrow as pa

    images = [picture()] * len(LABELS)
    for split, path in TABLES.items():
        for label, change in BYTES.items():
            yield Case(f"{split} table is {label}", vouched(path, file_bytes(path, change)))
        for label, (labels, expected) in _labels().items():
            yield Case(f"{split} labels are {label}", written(path, images, labels), expected)
        empty = written(path, pa.array([], pa.binary()), pa.array([], pa.int32()))
        yield Case(f"{split} table has no rows", empty)
        yield Case(f"{split} table has one row", written(path, images[:1], [0]), "either")
        yield Case(f"{split} table has no labels", vouched(path, _columns(path, {"image": images})))
        yield Case(f"{split} table has no images", vouched(path, _columns(path, {"label": LABELS})))
        yield Case(f"{split} table has no columns", vouched(path, _columns(path, {})))
        yield Case(f"{split} table has two columns of labels", vouched(path, _twice(path, images)), "either")
        yield Case(f"{split} table has two thousand columns", vouched(path, _wide(path, images)), "either")


def _columns(path: str, columns: dict[str, Any]) -> Damage:
    def damage(root: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(columns), root / path)

    return damage


def _twice(path: str, images: list[bytes]) -> Damage:
    def damage(root: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = [pa.array(images), pa.array(LABELS), pa.array(LABELS)]
        pq.write_table(pa.Table.from_arrays(columns, ["image", "label", "label"]), root / path)

    return damage


def _wide(path: str, images: list[bytes]) -> Damage:
    return _columns(path, {"image": images, "label": LABELS, **{f"c{index}": LABELS for index in range(2_000)}})


def equal_rows(path: Path, rows: int, columns: dict[str, Any]) -> None:
    """A table of very many rows that are all the same, so that its file has next to none: a value for each column."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = 1_000_000
    index = pa.array(np.zeros(part, "int32"))
    arrays = {name: pa.DictionaryArray.from_arrays(index, pa.array([value])) for name, value in columns.items()}
    table = pa.table(arrays)
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(rows // part):
            writer.write_table(table)
