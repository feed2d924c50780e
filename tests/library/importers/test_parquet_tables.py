"""Parquet tables as the hub has them: shards, splits, configurations, columns, names of classes, and damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otmf_core.library.importers.datasets import open_dataset, read_pictures
from tests.library.importers.made_pictures import decoded, encoded, pixels, refused

NAMES = ["cat", "dog", "eel"]
CARD = """---
license: mit
configs:
- config_name: sizes
  data_files:
  - split: train
    path: data/train-*
  - split: test
    path: data/test-*
dataset_info:
  config_name: sizes
  features:
  - name: image
    dtype: image
  - name: label
    dtype:
      class_label:
        names:
          '0': cat
          '1': dog
          '2': eel
---
# Animals
"""


def note(label: str = "label", names: list[str] = NAMES) -> dict[str, str]:
    features = {"image": {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def write_table(
    path: Path, labels: Any, image: str = "image", label: str = "label", first: int = 0, metadata: Any = None
) -> Path:
    """A table as the datasets library writes it: {bytes, path} and int64, in groups of a hundred rows (here three)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = labels if isinstance(labels, pa.Array) else pa.array(labels, pa.int64())
    blobs = [{"bytes": encoded(pixels(first + row)), "path": f"{row}.png"} for row in range(len(labels))]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = pa.table({image: pa.array(blobs, kind), label: labels}).replace_schema_metadata(metadata)
    pq.write_table(table, path, row_group_size=3)
    return path


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    write_table(tmp_path / "data/train-00000-of-00002.parquet", [0, 1, 2, 2], metadata=note())
    write_table(tmp_path / "data/train-00001-of-00002-a7eb20a9.parquet", [1, 1], first=4, metadata=note())
    write_table(tmp_path / "data/test-00000-of-00001.parquet", [2, 0], first=6, metadata=note())
    return tmp_path


def labels(path: Path, config: str | None = None) -> dict[str, list[int]]:
    return {name: [picture.label for picture in own] for name, own in open_dataset(path, config).splits.items()}


def test_shards_of_splits_are_read_in_their_order(hub: Path):
    dataset = open_dataset(hub)
    assert dataset.layout == "Parquet tables" and dataset.classes == tuple(NAMES)
    assert labels(hub) == {"train": [0, 1, 2, 2, 1, 1], "test": [2, 0]}
    for split, first in (("train", 0), ("test", 6)):
        found = decoded(dataset.splits[split])
        assert all((each == pixels(first + number)).all() for number, each in enumerate(found))
    backwards = [*dataset.splits["train"]][::-1]
    assert all((each == pixels(5 - number)).all() for number, each in enumerate(decoded(backwards)))
    assert next(read_pictures(dataset.splits["test"])) == encoded(pixels(6))


def test_splits_of_corrupted_pictures_are_left_out(hub: Path):
    corrupted = [
        "contrast",
        "gaussian_noise",
        "impulse_noise",
        "jpeg_compression",
        "motion_blur",
        "pixelate",
        "spatter",
    ]
    for name in corrupted:
        write_table(hub / f"data/{name}-00000-of-00001.parquet", [0], metadata=note())
    assert {split: len(own) for split, own in labels(hub).items()} == {"train": 6, "test": 2}


def test_configurations_are_chosen_by_name(tmp_path: Path):
    for config in ("cropped_digits", "full_numbers"):
        for split in ("train", "test", "extra"):
            write_table(tmp_path / f"{config}/{split}-00000-of-00001.parquet", [0, len(config) % 3])
    assert labels(tmp_path, "cropped_digits") == {"train": [0, 2], "test": [0, 2], "extra": [0, 2]}
    listed = f"there are 'cropped_digits, full_numbers' in {tmp_path}"
    assert refused(tmp_path) == f"a configuration is one of the data set's, received None: {listed}"
    assert refused(tmp_path, "digits") == f"a configuration is one of the data set's, received 'digits': {listed}"


def test_the_hubs_conversion_has_a_folder_per_split(tmp_path: Path):
    for split in ("train", "valid"):
        for shard in (0, 1):
            write_table(tmp_path / f"default/{split}/000{shard}.parquet", [shard, 1])
    assert labels(tmp_path) == labels(tmp_path, "default") == {"train": [0, 1, 1, 1], "validation": [0, 1, 1, 1]}


def test_a_card_names_configurations_and_classes(tmp_path: Path):
    write_table(tmp_path / "data/train-00000-of-00001.parquet", [0, 1])
    write_table(tmp_path / "data/test-00000-of-00001.parquet", [2, 1])
    assert open_dataset(tmp_path).classes == ()
    (tmp_path / "README.md").write_text(CARD)
    assert open_dataset(tmp_path, "sizes").classes == open_dataset(tmp_path).classes == tuple(NAMES)
    assert "there are 'sizes' in" in refused(tmp_path, "others")
    (tmp_path / "README.md").write_text("---\na: [\n---\n")
    assert refused(tmp_path).startswith("a data set's card begins with YAML: ")
    (tmp_path / "README.md").write_text("---\na: " + "x" * (300 << 10) + "\n---\n")
    assert "KiB" in refused(tmp_path)
    (tmp_path / "README.md").write_text("# no head\n---\n")
    assert open_dataset(tmp_path).classes == ()


@pytest.mark.parametrize("image", ["image", "img", "jpg", "png", "webp"])
@pytest.mark.parametrize("label", ["label", "labels", "fine_label", "cls", "class"])
def test_columns_have_several_names(tmp_path: Path, image: str, label: str):
    write_table(tmp_path / "test.parquet", [1, 2], image, label, metadata=note(label))
    dataset = open_dataset(tmp_path / "test.parquet")
    assert dataset.classes == tuple(NAMES) and [picture.label for picture in dataset.splits["test"]] == [1, 2]
    assert (decoded(dataset.splits["test"])[1] == pixels(1)).all()


@pytest.mark.parametrize(
    ("column", "expected", "classes"),
    [
        (pa.array([True, False]), [1, 0], ()),
        (pa.array([2, 1], pa.uint8()), [2, 1], ()),
        (pa.array(["2", "0"]), [2, 0], ()),
        (pa.array(["dog", "ant"]), [1, 0], ("ant", "dog")),
        (pa.array(["dog", "ant"]).dictionary_encode(), [1, 0], ("ant", "dog")),
    ],
)
def test_labels_are_numbers_or_names(tmp_path: Path, column: pa.Array, expected: list[int], classes: tuple[str, ...]):
    write_table(tmp_path / "train.parquet", column)
    assert labels(tmp_path) == {"train": expected}
    assert open_dataset(tmp_path).classes == classes


def test_names_are_numbered_over_all_splits_or_as_the_classes_are(tmp_path: Path):
    write_table(tmp_path / "train.parquet", pa.array(["eel", "cat"]))
    write_table(tmp_path / "test.parquet", pa.array(["dog", "eel"]))
    assert labels(tmp_path) == {"train": [2, 0], "test": [1, 2]}
    names = ["9", "8", "7"]
    write_table(tmp_path / "train.parquet", pa.array(["7", "9"]), metadata=note(names=names))
    write_table(tmp_path / "test.parquet", pa.array(["8", "9"]), metadata=note(names=names))
    assert labels(tmp_path) == {"train": [2, 0], "test": [1, 0]}
    write_table(tmp_path / "test.parquet", pa.array(["cow", "9"]), metadata=note(names=names))
    assert refused(tmp_path) == f"labels are names of classes: 'cow' is none of 3 in {tmp_path}"


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pa.array([0, 3]), "labels lie in 0…2: test has 0 to 3 in "),
        (pa.array([-1, -1]), "pictures have a class: test has unlabelled ones (-1) in "),
        (pa.array([0, None]), "pictures have a class: 1 rows are unlabelled in "),
        (pa.array([0.5, 1]), "labels are whole numbers or names of classes: label is DataType(double) in "),
        (pa.array([2**63, 1], pa.uint64()), "images come as Parquet tables with a column of images and one of labels"),
        (pa.array([], pa.int64()), "a split holds pictures: test is empty in "),
    ],
)
def test_labels_of_no_class_are_refused(tmp_path: Path, column: pa.Array, sentence: str):
    write_table(tmp_path / "test.parquet", column, metadata=note())
    assert refused(tmp_path).startswith(sentence)


def test_what_is_missing_is_named(tmp_path: Path):
    write_table(tmp_path / "test.parquet", [0, 1], "photo", "kind")
    named = f"the columns are 'photo, kind' in {tmp_path}"
    assert refused(tmp_path) == f"a column of labels is called label, labels, fine_label, cls, class: {named}"
    write_table(tmp_path / "test.parquet", [0, 1], "photo")
    assert "the columns are 'photo, label' in" in refused(tmp_path, read=True)
    (tmp_path / "test.parquet").rename(tmp_path / "other.parquet")
    assert refused(tmp_path).startswith("tables of a data set name their split, as train-00000-of-00001: none does in ")


def test_an_image_without_bytes_is_refused_with_its_row(tmp_path: Path):
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    blobs = [{"bytes": encoded(pixels(0)), "path": None}] * 4 + [{"bytes": None, "path": "/etc/passwd"}]
    pq.write_table(
        pa.table({"image": pa.array(blobs, kind), "label": [0] * 5}), tmp_path / "train.parquet", row_group_size=3
    )
    assert "row 4 has an image without bytes" in refused(tmp_path, read=True)
    pq.write_table(pa.table({"image": ["a.png"], "label": [0]}), tmp_path / "train.parquet")
    assert "not bytes" in refused(tmp_path, read=True)


def test_damaged_tables_and_links_out_are_refused(hub: Path, tmp_path_factory: pytest.TempPathFactory):
    shard = hub / "data/test-00000-of-00001.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert "does not end as one" in refused(hub)
    shard.unlink()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "test.parquet"
    elsewhere.write_bytes(whole)
    shard.symlink_to(elsewhere)
    assert refused(hub).startswith("links of a data set stay inside its folder: ")


def test_a_table_that_has_changed_since_is_refused(hub: Path):
    dataset = open_dataset(hub)
    write_table(hub / "data/test-00000-of-00001.parquet", [2], metadata=note())
    with pytest.raises(ValueError, match="has 1 rows, of which row 1 is none"):
        list(read_pictures(dataset.splits["test"]))


def test_two_hundred_thousand_rows_are_listed_from_their_labels(tmp_path: Path):
    rows = 200_000
    table = pa.table({"image": pa.array([b"x"] * rows), "label": np.arange(rows) % 10})
    pq.write_table(table, tmp_path / "train.parquet")
    pictures = open_dataset(tmp_path).splits["train"]
    assert (len(pictures), pictures[123_456].row, pictures[123_456].label) == (rows, 123_456, 6)
