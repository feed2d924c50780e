"""Tables from anyone: bounded by what their footer says before they are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otmf_core.errors import InputError
from otmf_core.tables import column_names, picked_rows, read_table, table_rows, table_schema

WHAT = "curves come as a Parquet table"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": [1, 2, 3], "b": [b"x", b"x", b"y"], "c": [[1.0], [2.0], []]}), path)
    return path


def test_a_table_is_read_as_the_columns_asked_for(table: Path):
    assert table_rows(table, WHAT) == 3
    read = read_table(table, ["a"], WHAT, max_rows=3, optional=["c", "d"])
    assert read.to_pydict() == {"a": [1, 2, 3], "c": [[1.0], [2.0], []]}
    assert read_table(table, None, WHAT, max_rows=3)["b"].to_pylist() == [b"x", b"x", b"y"]
    assert column_names(table, WHAT) == ["a", "b", "c"]


@pytest.mark.parametrize("rows", [[0], [2, 0, 1], [4, 4, 3, 0], range(5), range(1, 4), []])
def test_rows_are_picked_in_order_whatever_row_groups_they_lie_in(rows: Sequence[int], tmp_path: Path):
    path = tmp_path / "groups.parquet"
    pq.write_table(pa.table({"a": range(10, 15), "b": list("vwxyz")}), path, row_group_size=2)
    picked = [row for table in picked_rows(path, ["a", "b"], WHAT, rows) for row in table.to_pylist()]
    assert picked == [{"a": 10 + row, "b": "vwxyz"[row]} for row in rows]


def test_a_row_that_is_not_there_and_a_row_group_that_is_too_large(table: Path, monkeypatch: pytest.MonkeyPatch):
    for row in (3, -1):
        with pytest.raises(InputError, match=rf"^{WHAT}: {table} has 3 rows, of which row {row} is none$"):
            list(picked_rows(table, ["a"], WHAT, [row]))
    monkeypatch.setattr("otmf_core.tables.MAX_BYTES", 4)
    with pytest.raises(InputError, match="unpacks to more than is read in one row group"):
        list(picked_rows(table, ["a"], WHAT, [0]))


def test_what_a_maker_noted_on_the_columns(table: Path):
    pq.write_table(pq.read_table(table).replace_schema_metadata({"by": "us"}), table)
    assert table_schema(table, WHAT).names == ["a", "b", "c"] and table_schema(table, WHAT).metadata == {b"by": b"us"}


def test_a_missing_column_a_missing_file_and_too_many_rows_are_sentences(table: Path):
    with pytest.raises(InputError, match=rf"^{WHAT}: {table} \(column 'd' is missing\)$"):
        read_table(table, ["d"], WHAT, max_rows=3)
    with pytest.raises(InputError, match=rf"^{WHAT}: {table} has 3 rows, at most 2 are read$"):
        read_table(table, ["a"], WHAT, max_rows=2)
    with pytest.raises(InputError, match=r"^a file is missing: "):
        read_table(table / "none", ["a"], WHAT, max_rows=2)


def test_small_files_that_unpack_to_gigabytes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"a": np.zeros(5_000_000)}), path, compression="zstd")
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(pq.ParquetFile, "read", None)  # nothing but the footer
    with pytest.raises(InputError, match="has 5,000,000 rows, at most 100 are read"):
        read_table(path, ["a"], WHAT, max_rows=100)
    lists = pa.array([[0] * 2_000_000, []])
    pq.write_table(pa.table({"a": lists}), path, compression="zstd")
    with pytest.raises(InputError, match="unpacks to more than is read"):
        read_table(path, ["a"], WHAT, max_rows=100)
    monkeypatch.setattr("otmf_core.tables.MAX_BYTES", 1 << 20)
    pq.write_table(pa.table({"a": [b"x" * (2 << 20)]}), path, compression="zstd")
    with pytest.raises(InputError, match="unpacks to more than is read"):
        read_table(path, ["a"], WHAT, max_rows=100)
    pq.write_table(pa.table({str(i): [1] for i in range(300)}), path)
    with pytest.raises(InputError, match="has 300 columns, at most 256 are read"):
        read_table(path, None, WHAT, max_rows=100)


def test_one_large_value_of_many_rows_is_kept_once(tmp_path: Path):
    path = tmp_path / "bomb.parquet"
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2_000, np.int32)), [b"x" * 500_000])
    pq.write_table(pa.table({"a": column}), path, compression="zstd", store_schema=False)  # plain bytes, to a reader
    assert pq.read_schema(path).field("a").type == pa.binary()
    read = read_table(path, ["a"], WHAT, max_rows=2_000)  # 1 GB as they are
    assert read.nbytes < 10_000_000 and read["a"][1_999].as_py() == b"x" * 500_000


def test_folders_and_tildes_are_names(tmp_path: Path, table: Path):
    path = tmp_path / "year=2026/~/x.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(table.read_bytes())
    assert read_table(path, None, WHAT, max_rows=3).column_names == ["a", "b", "c"]


def test_whatever_damage_is_a_sentence_or_a_table(table: Path):
    good, random = table.read_bytes(), np.random.default_rng(0)
    for _ in range(500):
        data = bytearray(good)
        for place in random.integers(0, len(data), 2):
            data[place] = random.integers(0, 256)
        table.write_bytes(bytes(data))
        try:
            read_table(table, None, WHAT, max_rows=3)
            list(picked_rows(table, ["a"], WHAT, [1, 0]))
        except InputError as error:
            assert str(table) in str(error) and "\n" not in str(error)
