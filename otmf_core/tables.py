"""Parquet tables that may come from anyone: bounded by their footer before they are read, as the columns asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import brief
from otmf_core.parquet_footer import Chunk, read_footer

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 4 << 30  # of the columns that are read, as they unpack
MAX_COLUMNS = 256
MAX_LIST = 1024  # values in a row's list, on average
BUFFER = 1 << 20  # bytes of a column that are read at a time


def table_rows(path: Path, what: str) -> int:
    """The number of rows that a table's footer states; raises InputError, beginning with `what`, on a damaged one."""
    return _footer(path, what)[0]


def read_table(
    path: Path, columns: Collection[str] | None, what: str, *, max_rows: int, optional: Collection[str] = ()
) -> pa.Table:
    """The `columns` of a table, or all, and those of `optional` that it has; texts are dictionaries of what differs.

    Raises InputError, beginning with `what` (the rule, "loss curves come as a Parquet table"), when the file is missing
    or damaged, lacks a column, or has more than `max_rows` rows or MAX_BYTES bytes: nothing but the footer was read.
    """
    rows, chunks = _footer(path, what)
    if rows > max_rows:
        raise InputError(f"{what}: {path} has {rows:,} rows, at most {max_rows:,} are read")
    with _opened(path, what) as table:
        names = table.schema_arrow.names
        wanted = names if columns is None else [*columns]
        _check_columns(path, wanted, names, what)
        chosen = [*wanted, *(name for name in optional if name in names)]
        ours = [chunk for chunk in chunks if chunk.path.split(".")[0] in chosen]
        size, values = sum(chunk.size for chunk in ours), max((chunk.values for chunk in ours), default=0)
        if size > MAX_BYTES or values > MAX_LIST * max(rows, 1):
            raise InputError(f"{what}: {path} unpacks to more than is read ({size >> 20:,} MiB, {values:,} values)")
        return table.read(columns=chosen)


def first_row(path: Path, columns: Collection[str], what: str) -> pa.Table:
    """The first row of a table, or none, and no more of the file than that takes; raises as `read_table` does."""
    import pyarrow as pa

    _, chunks = _footer(path, what)
    if sum(chunk.size for chunk in chunks if chunk.path.split(".")[0] in columns) > MAX_BYTES:
        raise InputError(f"{what}: {path} unpacks to more than is read")
    with _opened(path, what) as table:
        _check_columns(path, columns, table.schema_arrow.names, what)
        first = next(table.iter_batches(batch_size=1, columns=[*columns]), None)
        return pa.Table.from_batches([first]) if first is not None else table.schema_arrow.empty_table()


def _footer(path: Path, what: str) -> tuple[int, list[Chunk]]:
    if not path.is_file():
        raise InputError(f"a file is missing: {path}")
    try:
        return read_footer(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{what}: {path} ({error})") from None


def _check_columns(path: Path, wanted: Collection[str], names: Collection[str], what: str) -> None:
    if len(names) > MAX_COLUMNS:
        raise InputError(f"{what}: {path} has {len(names):,} columns, at most {MAX_COLUMNS} are read")
    if len({*names}) < len(names):
        raise InputError(f"{what}: {path} (a column is there twice)")
    for name in wanted:
        if name not in names:
            raise InputError(f"{what}: {path} (column {name!r} is missing)")


@contextmanager
def _opened(path: Path, what: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:  # a path would be read as a location, and its folders as columns
            with pq.ParquetFile(file) as table:
                columns = [table.schema.column(index) for index in range(len(table.schema))]
                texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
                footer = table.metadata
            file.seek(0)
            # one value repeated a million times is kept once
            with pq.ParquetFile(file, metadata=footer, read_dictionary=texts, buffer_size=BUFFER) as table:
                yield table
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{what}: {path} ({brief(error)})") from None
