"""Data sets of texts as they lie on disk: formats, splits, labels, and what of them is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otmf_core.errors import InputError
from otmf_core.library.importers.text_tables import TextDataset, open_texts
from tests.tiny import is_one_sentence

ANSWERS = ("no", "yes")


def opened(path: Path, fields: tuple[str, ...] = ("text",), numeric: bool = False) -> TextDataset:
    return open_texts(path, fields, ANSWERS, numeric)


def test_shards_of_the_matched_validation_are_read_and_hidden_tests_are_not(tmp_path: Path):
    def write(name: str, labels: list[int]) -> None:
        pq.write_table(pa.table({"text": [f"{name} {i}" for i in labels], "label": labels}), tmp_path / name)

    write("train-00000-of-00002.parquet", [0, 1])
    write("train-00001-of-00002.parquet", [1])
    write("validation_matched-00000-of-00001.parquet", [1, 0])
    write("validation_mismatched-00000-of-00001.parquet", [0, 0])
    write("test_matched-00000-of-00001.parquet", [-1, -1])
    found = opened(tmp_path)
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 3, "validation": 2}
    assert [row.label for row in found.splits["train"]] == [0, 1, 1]
    assert found.splits["validation"][0].texts == ("validation_matched-00000-of-00001.parquet 1",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("all.csv", 'text,label\n"it, too",1\nis it,no\n'),
        ("all.tsv", "label\ttext\n1\tit, too\n0\tis it\n"),
        ("all.jsonl", '{"text": "it, too", "label": "yes"}\n\n{"text": "is it", "label": 0}\n'),
    ],
)
def test_labels_are_answers_or_their_numbers(tmp_path: Path, name: str, content: str):
    (tmp_path / name).write_text(content)
    rows = opened(tmp_path / name).splits["train"]
    assert [(row.texts, row.label) for row in rows] == [(("it, too",), 1), (("is it",), 0)]
    assert [row.texts for row in opened(tmp_path).splits["train"]] == [("it, too",), ("is it",)]


def test_empty_texts_are_left_out_and_named(tmp_path: Path):
    (tmp_path / "train.csv").write_text('text,label\na,1\n" ",0\n,1\nb,0\n')
    found = opened(tmp_path)
    assert [row.texts for row in found.splits["train"]] == [("a",), ("b",)]
    assert found.empty == ("row 1 of train.csv", "row 2 of train.csv")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train.csv", "text,label\na,2\n", "0 to 1 of 'no, yes': '2' in row 0 of /.*train.csv$"),
        ("train.csv", "text,label\na,maybe\n", "'maybe' in row 0"),
        ("train.csv", "words,label\na,1\n", "'text' is none of 'words, label'"),
        ("train.csv", "text,grade\na,1\n", "a column of labels is called label"),
        ("train.jsonl", '{"text": "a", "label": 1}\n[1]\n', "line 2"),
        ("train.jsonl", "{", "line 1"),
        ("other.csv", "text,label\na,-1\n", "none in"),
        ("train.txt", "text", "named after their split"),
        ("train.parquet", "PAR1", "texts come as Parquet"),
        (
            "train.jsonl",
            '{"text": "a", "label": 1}\n{"text": 5, "label": 0}\n',
            "'text' of row 1 is 5, .* in /.*train.jsonl$",
        ),
        ("train.csv", "text,label\n,1\n  ,0\n", "have words: all 2 of train are empty in"),
        ("train.csv", "label,text\n1,good, really\n", "row 0 has more cells than the head, 2, in"),
        ("train.csv", 'text,label\n"a cat,1\na dog,0\n', "rows of columns: .*train.csv has not"),
        ("train.csv", 'text,label\n"a cat,1\n"a dog,0\n', "rows of columns: .*train.csv has not"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path: Path, name: str, content: str, said: str):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        opened(tmp_path)
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([b"caf\xe9", b"a"], pa.binary()).view(pa.string()), "texts are UTF-8"),
        (pa.array([3, 4]), "'text' of row 0 is 3, int"),
        (pa.array([b"a", b"b"]), "'text' of row 0 is b'a', bytes"),
    ],
    ids=["not UTF-8", "numbers", "bytes"],
)
def test_a_table_whose_texts_are_none_is_refused(tmp_path: Path, column: pa.Array, said: str):
    pq.write_table(pa.table({"text": column, "label": [0, 1]}), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=said) as caught:
        opened(tmp_path)
    assert is_one_sentence(str(caught.value))


def test_numbers_are_labels_of_a_scale(tmp_path: Path):
    (tmp_path / "train.csv").write_text("text,score\na,3.8\nb,0\n")
    assert [row.label for row in opened(tmp_path, numeric=True).splits["train"]] == [3.8, 0.0]
    (tmp_path / "train.csv").write_text("text,score\na,nan\n")
    with pytest.raises(InputError, match="labels are numbers: 'nan'"):
        opened(tmp_path, numeric=True)
