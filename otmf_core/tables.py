"""Parquet tables that may come from anyone: bounded by their footer before they are read, as the columns asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 4 << 30  # of the columns that are read, as they unpack
MAX_COLUMNS = 256
MAX_LIST = 1024  # values in a row's list, on average


def table_rows(path: Path, what: str) -> int:
    """The number of rows that a table's footer states; raises InputError, beginning with `what`, on a damaged one."""
    with _opened(path, what) as table:
        return table.metadata.num_rows


def read_table(
    path: Path, columns: Collection[str] | None, what: str, *, max_rows: int, optional: Collection[str] = ()
) -> pa.Table:
    """The `columns` of a table, or all, and those of `optional` that it has; texts are dictionaries of what differs.

    Raises InputError, beginning with `what` (the rule, "loss curves come as a Parquet table"), when the file is missing
    or damaged, lacks a column, or has more than `max_rows` rows or MAX_BYTES bytes: nothing but the footer was read.
    """
    with _opened(path, what) as table:
        footer, names = table.metadata, table.schema_arrow.names
        wanted = names if columns is None else [*columns]
        missing = [name for name in wanted if name not in names]
        if missing:
            raise InputError(f"{what}: {path} (column {missing[0]!r} is missing)")
        chosen = [*wanted, *(name for name in optional if name in names)]
        if len(names) > MAX_COLUMNS:
            raise InputError(f"{what}: {path} has {len(names):,} columns, at most {MAX_COLUMNS} are read")
        if footer.num_rows > max_rows:
            raise InputError(f"{what}: {path} has {footer.num_rows:,} rows, at most {max_rows:,} are read")
        size = values = 0
        for group in range(footer.num_row_groups):
            chunks = footer.row_group(group)
            for index in range(chunks.num_columns):
                chunk = chunks.column(index)
                if chunk.path_in_schema.split(".")[0] in chosen:
                    size += chunk.total_uncompressed_size
                    values = max(values, chunk.num_values)
        if size > MAX_BYTES or values > MAX_LIST * max(footer.num_rows, 1):
            raise InputError(f"{what}: {path} unpacks to more than is read ({size >> 20:,} MiB, {values:,} values)")
        return table.read(columns=chosen)


@contextmanager
def _opened(path: Path, what: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"a file is missing: {path}")
    try:
        with path.open("rb") as file:  # a path would be read as a location, and its folders as columns
            with pq.ParquetFile(file) as table:
                texts = [
                    column.path
                    for column in (table.schema.column(i) for i in range(len(table.schema)))
                    if column.physical_type == "BYTE_ARRAY"
                ]
            file.seek(0)
            # one value repeated a million times is kept once
            with pq.ParquetFile(file, read_dictionary=texts) as table:
                yield table
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{what}: {path} ({' '.join(str(error).split())[:160]})") from None
