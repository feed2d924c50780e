"""Pictures that a split's table refers to where they were left: used only if they are the ones referred to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from otmf_core.errors import InputError
from otmf_core.library.encoded import encoded_pictures, named_pictures
from otmf_core.library.library import open_library
from tests.tiny import is_one_sentence, pixels, vouch


def referring(path: Path, places: list[dict]) -> Path:
    pq.write_table(pa.Table.from_pylist([{"label": number % 3, **place} for number, place in enumerate(places)]), path)
    return path


def left_elsewhere(library: Path, folder: Path) -> list[dict]:
    """The test pictures of a task as files, and in a table of Hugging Face's: what a table refers to them by."""
    blobs = pq.read_table(library / "tasks/red/test.parquet")["image"].to_pylist()
    folder.mkdir()
    pq.write_table(pa.table({"image": [{"bytes": blob, "path": None} for blob in blobs]}), folder / "all.parquet")
    places = []
    for row, blob in enumerate(blobs):
        (folder / f"{row}.png").write_bytes(blob)
        file, number = (folder / "all.parquet", row) if row % 2 else (folder / f"{row}.png", 0)
        places.append({"file": str(file), "row": number, "sha256": hashlib.sha256(blob).hexdigest()})
    return places


def test_pictures_left_where_they_are_are_the_same_images(own_tiny: Path, tmp_path: Path):
    expected = pixels(open_library(str(own_tiny)).examples("red", "test"))
    referring(own_tiny / "tasks/red/test.parquet", left_elsewhere(own_tiny, tmp_path / "data"))
    vouch(own_tiny)
    library = open_library(str(own_tiny))
    library.check_task("red", ("test",))
    assert torch.equal(pixels(library.examples("red", "test")), expected)


def test_rows_come_in_the_order_asked_for(own_tiny: Path, tmp_path: Path):
    places = left_elsewhere(own_tiny, tmp_path / "data")
    table = referring(tmp_path / "split.parquet", places)
    found = [hashlib.sha256(blob).hexdigest() for blob in encoded_pictures(table, [5, 0, 7, 6, 23])]
    assert found == [places[row]["sha256"] for row in (5, 0, 7, 6, 23)]


def test_a_picture_that_has_changed_is_refused(own_tiny: Path, tmp_path: Path):
    places = left_elsewhere(own_tiny, tmp_path / "data")
    table = referring(tmp_path / "split.parquet", places)
    Path(places[4]["file"]).write_bytes(Path(places[2]["file"]).read_bytes())
    with pytest.raises(InputError, match=r"^a picture is the one that was referred to: picture 0 of .*4\.png has chan"):
        list(named_pictures(table, range(6)))


@pytest.mark.parametrize(
    "place",
    [
        {"file": "/etc/hostname", "row": 0, "sha256": "0" * 64},
        {"file": "/dev/zero", "row": 0, "sha256": "0" * 64},
        {"file": "/nowhere/at/all.png", "row": 0, "sha256": "0" * 64},
        {"file": "/nowhere.tar", "row": 0, "sha256": "0" * 64},
        {"file": "/nowhere.parquet", "row": 3, "sha256": "0" * 64},
        {"file": "\0", "row": 0, "sha256": "0" * 64},
        {"file": "a.png", "row": 0, "sha256": "0" * 64},
        {"file": "/x.png", "row": -1, "sha256": "0" * 64},
        {"file": "/x.png", "row": None, "sha256": "0" * 64},
        {"file": None, "row": 0, "sha256": "0" * 64},
        {"file": "/x.png", "row": 0, "sha256": None},
    ],
)
def test_a_place_that_no_picture_is_at(place: dict, tmp_path: Path):
    table = referring(tmp_path / "split.parquet", [place])
    with pytest.raises(InputError) as caught:
        list(named_pictures(table, [0]))
    assert is_one_sentence(str(caught.value))


def test_a_table_that_refers_in_part(tmp_path: Path):
    pq.write_table(pa.table({"file": ["/x.png"], "label": [0]}), tmp_path / "split.parquet")
    with pytest.raises(InputError, match="column 'row' is missing"):
        list(named_pictures(tmp_path / "split.parquet", [0]))
