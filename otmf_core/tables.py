"""Parquet tables that may come from anyone: bounded by their footer before they are read, as the columns asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
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


def column_names(path: Path, what: str) -> list[str]:
    """The names of a table's columns; raises InputError, beginning with `what`, when it is missing or damaged."""
    _footer(path, what)
    with _opened(path, what) as table:
        return table.schema_arrow.names


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


def picked_rows(path: Path, columns: Collection[str], what: str, rows: Sequence[int]) -> Iterator[pa.Table]:
    """These rows of a table in the order given, those that lie in one row group together.

    One row group is in memory at a time: rows in ascending order are read once. Raises InputError as `read_table` does,
    the bounds being those of a row group, and on a row that is not there.
    """
    total, chunks = _footer(path, what)
    sizes: dict[int, int] = {}
    for chunk in chunks:
        if chunk.path.split(".")[0] in columns:
            sizes[chunk.group] = sizes.get(chunk.group, 0) + chunk.size
    if max(sizes.values(), default=0) > MAX_BYTES:
        raise InputError(f"{what}: {path} unpacks to more than is read in one row group")
    if len(rows) and not 0 <= min(rows) <= max(rows) < total:
        wrong = min(rows) if min(rows) < 0 else max(rows)
        raise InputError(f"{what}: {path} has {total:,} rows, of which row {wrong} is none")
    with _opened(path, what) as table:
        _check_columns(path, columns, table.schema_arrow.names, what)
        starts = [0]
        for group in range(table.metadata.num_row_groups):
            starts.append(starts[-1] + table.metadata.row_group(group).num_rows)
        for group, run in groupby(rows, lambda row: bisect_right(starts, row) - 1):
            if group >= len(starts) - 1:
                raise InputError(f"{what}: {path} (its row groups have fewer rows than its footer states)")
            yield _taken(table.read_row_group(group, columns=[*columns]), [row - starts[group] for row in run])


def _taken(table: pa.Table, rows: list[int]) -> pa.Table:
    first, last = rows[0], rows[-1]
    if rows == [*range(first, last + 1)] and last < table.num_rows:
        return table.slice(first, len(rows))  # `take` would load pyarrow.compute, and pandas where that is installed
    return table.take(rows)


def table_schema(path: Path, what: str) -> pa.Schema:
    """The columns of a table with what their maker noted; raises InputError on a damaged or too wide one."""
    _footer(path, what)
    with _opened(path, what) as table:
        _check_columns(path, (), table.schema_arrow.names, what)
        return table.schema_arrow


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
