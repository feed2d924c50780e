"""Splits of images: what is read, and what damaged ones get."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from otmf_core.errors import InputError
from otmf_core.library.library import Library, open_library
from tests.tiny import pixels, vouch, write_images


def test_the_first_images_of_a_split(tiny: Path):
    library = open_library(str(tiny))
    everything, first = library.examples("red", "calibration"), library.examples("red", "calibration", 5)
    assert len(first) == 5
    assert torch.equal(pixels(first), pixels(everything)[:5])
    assert torch.equal(first.labels, everything.labels[:5])


def _png(size: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size)).save(buffer, "PNG")
    return buffer.getvalue()


def damaged_split(root: Path, table: pa.Table) -> Library:
    pq.write_table(table, root / "tasks/red/calibration.parquet")
    vouch(root)
    return open_library(str(root))


LABELS = pa.array([0, 1], pa.int32())


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int32())},
            "a calibration set needs examples: Red has",
        ),
        ({"image": [b"x", b"y"], "label": [1, 1]}, "a calibration set needs at least two classes: Red has one, "),
        ({"image": [b"x", b"y"], "label": [0, 3]}, "labels lie in 0…2: found 0 to 3 in "),
        ({"image": [b"x", b"y"], "label": [-1, 1]}, "labels lie in 0…2: found -1 to 1 in "),
        ({"image": [b"x", b"y"], "label": [None, 1]}, "labels lie in 0…2: found -1 to 1 in "),
        (
            {"image": [b"x", b"y"], "label": ["a", "b"]},
            "examples come as a Parquet table, their labels in a column label: ",
        ),
        ({"image": [b"x", b"y"]}, "examples come as a Parquet table, their labels in a column label: "),
        ({"label": LABELS}, "images come as a Parquet table with columns image and label: "),
        ({"image": [b"no picture", b"x"], "label": LABELS}, "a picture is a whole .* file, received row 0 of "),
        ({"image": [None, b"x"], "label": LABELS}, "images come as a Parquet table .*row 0 has an image without bytes"),
        ({"image": [1, 2], "label": LABELS}, "images come as a Parquet table .*image is of type DataType.int64.*, not"),
    ],
)
def test_a_damaged_split(columns: dict, sentence: str, own_tiny: Path):
    library = damaged_split(own_tiny, pa.table(columns))
    with pytest.raises(InputError, match=f"^{sentence}"):
        library.examples("red", "calibration")


def test_a_truncated_picture(own_tiny: Path):
    good = pq.read_table(own_tiny / "tasks/red/calibration.parquet")["image"].to_pylist()
    library = damaged_split(own_tiny, pa.table({"image": [good[0], good[1][:-30]], "label": LABELS}))
    with pytest.raises(InputError, match=r"^a picture is a whole .* file, received row 1 of "):
        library.examples("red", "calibration")


def test_a_strip_that_would_be_resized_to_very_many_pixels(own_tiny: Path):
    strip = io.BytesIO()
    Image.new("1", (9_000_000, 1)).save(strip, "PNG")
    library = damaged_split(own_tiny, pa.table({"image": [_png(16), strip.getvalue()], "label": LABELS}))
    with pytest.raises(InputError, match=r"^a picture can be resized to what the model takes: row 1 of .* too thin"):
        library.examples("red", "calibration")


def test_a_truncated_table(own_tiny: Path):
    path = own_tiny / "tasks/red/test.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    vouch(own_tiny)
    with pytest.raises(InputError, match=r"^examples come as a Parquet table, their labels in a column label: "):
        open_library(str(own_tiny)).check_task("red", ("test",))


def test_a_test_split_may_have_one_class(own_tiny: Path):
    write_images(own_tiny / "tasks/red/test.parquet", [1] * 6, 0, 3)
    vouch(own_tiny)
    assert open_library(str(own_tiny)).examples("red", "test").labels.tolist() == [1] * 6
