"""Rows of tables of texts: which are read, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otmf_core.errors import InputError
from otmf_core.library.labels import read_labels
from otmf_core.library.manifest import TaskInfo
from otmf_core.library.texts import read_prompts, read_rows
from tests.tiny import is_one_sentence

TASK = TaskInfo(id="a", name="A", classes=("no", "yes"), templates=(), prompt="{second} after {first}?")


def written(path: Path, second: list | pa.Array) -> Path:
    first = [f"word {row}" for row in range(len(second))]
    pq.write_table(pa.table({"first": first, "second": second, "label": [0] * len(first)}), path, row_group_size=2)
    return path


def test_rows_come_in_the_order_asked_for(tmp_path: Path):
    path = written(tmp_path / "a.parquet", list("vwxyz"))
    assert read_rows(path, TASK, [4, 0, 1]) == [
        {"second": "z", "first": "word 4"},
        {"second": "v", "first": "word 0"},
        {"second": "w", "first": "word 1"},
    ]
    assert read_prompts(path, TASK, 2) == ["v after word 0?", "w after word 1?"]


def test_an_empty_text_is_named_by_its_row(tmp_path: Path):
    path = written(tmp_path / "a.parquet", ["v", "w", "x", " ", "z"])
    with pytest.raises(InputError, match="a text has words: second of row 3 has none"):
        read_rows(path, TASK, [4, 3])
    assert read_rows(path, TASK, [4])[0]["second"] == "z"


def test_texts_of_another_encoding_are_refused_in_a_sentence(tmp_path: Path):
    bytes_of = pa.array([b"fine", b"\xff\xfe"], pa.binary())
    path = written(tmp_path / "a.parquet", pa.Array.from_buffers(pa.string(), 2, bytes_of.buffers()))
    for read in (lambda: read_rows(path, TASK, [1]), lambda: read_prompts(path, TASK)):
        with pytest.raises(InputError, match="texts are UTF-8, which those of") as refusal:
            read()
        assert is_one_sentence(str(refusal.value))


def test_a_value_that_is_no_text_is_named(tmp_path: Path):
    path = written(tmp_path / "a.parquet", [3, 4])
    with pytest.raises(InputError, match=r"texts are text: second of row 1 is 4 in .*a\.parquet"):
        read_rows(path, TASK, [1])


def test_labels_that_are_no_numbers_are_refused_without_a_word_of_images(tmp_path: Path):
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["no", "yes"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet \(label: ") as refusal:
        read_labels(tmp_path / "a.parquet")
    assert is_one_sentence(str(refusal.value)) and "image" not in str(refusal.value)
