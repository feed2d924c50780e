"""What the tasks look like: a small sheet of each task's calibration images."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st
from PIL import Image

from dashboard.library.pictures import data_uri
from otmf_core.errors import InputError
from otmf_core.library.library import open_library

COLUMNS, ROWS = 4, 2
SIDE = 64  # pixels of one image on the sheet
STRIP = 40  # and in a table's row


@st.cache_data(max_entries=64, show_spinner=False)
def strip(root: str, task: str) -> str:
    """A row of four images of different classes, small enough for a table, as a data URI."""
    return data_uri(_pasted(root, task, 4, 1, STRIP))


@st.cache_data(max_entries=64, show_spinner=False)
def sheet(root: str, task: str, columns: int = COLUMNS, rows: int = ROWS) -> str:
    """Images of different classes, as many classes as there are or as fit, as a data URI."""
    return data_uri(_pasted(root, task, columns, rows, SIDE))


def _pasted(root: str, task: str, columns: int, rows: int, side: int) -> Image.Image:
    library = open_library(root)
    files = library.task(task).files
    if "calibration" not in files:
        raise InputError(f"a task has calibration images: the manifest names none for {task!r} in {root}")
    path = library.path(files["calibration"])
    try:
        images = pq.read_table(path, columns=["image", "label"]).to_pylist()
        return _paste(images, columns, rows, side)
    except (pa.ArrowException, OSError, SyntaxError, TypeError, ValueError) as error:
        raise InputError(f"images of a split are pictures with labels: {path} ({error})") from None


def _paste(images: list[dict[str, Any]], columns: int, rows: int, side: int) -> Image.Image:
    first = {row["label"]: row["image"] for row in reversed(images)}
    by_class = [first[label] for label in sorted(first)]
    chosen = [*by_class, *(row["image"] for row in images)][: columns * rows]
    pasted = Image.new("RGB", (columns * side, rows * side))
    for place, blob in enumerate(chosen):
        picture = Image.open(io.BytesIO(blob)).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        pasted.paste(picture, (place % columns * side, place // columns * side))
    return pasted
